# A public load balancer in front of the nodes of a pool, with its own address. Port 80 is forwarded to node port
# 30080, 443 to 30443 and so on, where the Service of an ingress controller listens on every node.

locals {
  ovn   = var.octavia.provider == "ovn"
  ports = toset([for port in var.ports : tostring(port)])
  pairs = {
    for pair in setproduct(var.ports, keys(var.members)) : "${pair[1]}:${pair[0]}" => {
      port = tostring(pair[0])
      name = pair[1]
    }
  }
}

resource "openstack_lb_loadbalancer_v2" "public" {
  name                  = "${local.name}-ingress-${var.name}"
  vip_subnet_id         = var.subnet_id
  loadbalancer_provider = var.octavia.provider
  flavor_id             = var.octavia.flavor
  tags                  = local.tags
}

resource "openstack_lb_listener_v2" "port" {
  for_each = local.ports

  name            = "${local.name}-ingress-${var.name}-${each.key}"
  loadbalancer_id = openstack_lb_loadbalancer_v2.public.id
  protocol        = "TCP"
  protocol_port   = tonumber(each.key)
  # Milliseconds. Octavia's default closes connections that are idle for 50 s: uploads, slow answers, web sockets.
  timeout_client_data = local.ovn ? null : 300000
  timeout_member_data = local.ovn ? null : 300000
}

resource "openstack_lb_pool_v2" "port" {
  for_each = openstack_lb_listener_v2.port

  name        = each.value.name
  listener_id = each.value.id
  protocol    = "TCP"
  lb_method   = local.ovn ? "SOURCE_IP_PORT" : "ROUND_ROBIN"
}

resource "openstack_lb_monitor_v2" "port" {
  for_each = openstack_lb_pool_v2.port

  name        = each.value.name
  pool_id     = each.value.id
  type        = "TCP"
  delay       = 5 # seconds
  timeout     = 3
  max_retries = 2
}

resource "openstack_lb_member_v2" "node" {
  for_each = local.pairs

  name          = each.value.name
  pool_id       = openstack_lb_pool_v2.port[each.value.port].id
  address       = var.members[each.value.name]
  protocol_port = 30000 + tonumber(each.value.port)
  subnet_id     = var.subnet_id
}

resource "openstack_networking_floatingip_v2" "public" {
  pool        = var.external_network
  port_id     = openstack_lb_loadbalancer_v2.public.vip_port_id
  description = "${local.name}-ingress-${var.name}, ${local.mark}"
  tags        = local.tags

  depends_on = [var.router_interfaces] # a floating IP reaches only subnets that are connected
}
