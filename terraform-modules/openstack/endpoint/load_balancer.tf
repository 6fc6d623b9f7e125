# The API behind Octavia: an address that does not change when servers are added or removed.

locals {
  balanced = var.kind == "load_balancer" ? 1 : 0
  ovn      = var.octavia.provider == "ovn"
  # Nodes connect through the load balancer too. Sorted, because Octavia returns the list sorted. OVN does not
  # support the list: with OVN the security group filters.
  everybody = contains(var.allowed_cidrs, "0.0.0.0/0")
  allowed   = local.ovn || local.everybody ? null : sort(distinct(concat([var.cidr], var.allowed_cidrs)))
  asked     = { for port in var.ports : tostring(port) => !local.ovn && port == var.ports[0] }
  pairs = {
    for pair in setproduct(var.ports, keys(var.servers)) : "${pair[1]}:${pair[0]}" => {
      port = tostring(pair[0])
      name = pair[1]
    } if local.balanced == 1
  }
}

resource "openstack_lb_loadbalancer_v2" "api" {
  count = local.balanced

  name                  = "${local.name}-api"
  vip_subnet_id         = var.subnet_id
  vip_address           = var.address
  loadbalancer_provider = var.octavia.provider
  flavor_id             = var.octavia.flavor
  tags                  = local.tags
}

resource "openstack_lb_listener_v2" "port" {
  for_each = toset([for port in var.ports : tostring(port) if local.balanced == 1])

  name            = "${local.name}-api-${each.key}"
  loadbalancer_id = openstack_lb_loadbalancer_v2.api[0].id
  protocol        = "TCP"
  protocol_port   = tonumber(each.key)
  allowed_cidrs   = local.allowed
  # Milliseconds. Watches, logs and shells can be idle for minutes; Octavia's default of 50 s would close them.
  timeout_client_data = local.ovn ? null : 600000
  timeout_member_data = local.ovn ? null : 600000
}

resource "openstack_lb_pool_v2" "port" {
  for_each = openstack_lb_listener_v2.port

  name        = each.value.name
  listener_id = each.value.id
  protocol    = "TCP"
  lb_method   = local.ovn ? "SOURCE_IP_PORT" : "ROUND_ROBIN"
}

# A server gets connections while its API is ready: one that starts listens before that. /readyz may be closed to
# strangers, and OVN can only connect.
resource "openstack_lb_monitor_v2" "port" {
  for_each = openstack_lb_pool_v2.port

  name             = each.value.name
  pool_id          = each.value.id
  type             = local.asked[each.key] ? "HTTPS" : "TCP"
  url_path         = local.asked[each.key] ? "/readyz" : null
  expected_codes   = local.asked[each.key] ? "200,401,403" : null
  delay            = 2 # seconds
  timeout          = 2
  max_retries      = 1
  max_retries_down = 2
}

resource "openstack_lb_member_v2" "server" {
  for_each = local.pairs

  name          = each.value.name
  pool_id       = openstack_lb_pool_v2.port[each.value.port].id
  address       = var.servers[each.value.name]
  protocol_port = tonumber(each.value.port)
  subnet_id     = var.subnet_id
}
