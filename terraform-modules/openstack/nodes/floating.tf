# Floating IPs, by which operators reach a node directly.

resource "openstack_networking_floatingip_v2" "public" {
  for_each = toset([for name, node in var.nodes : name if node.public])

  pool        = var.external_network
  description = "${each.key}, ${local.mark}"
  tags        = local.tags
}

resource "openstack_networking_floatingip_associate_v2" "public" {
  for_each = openstack_networking_floatingip_v2.public

  floating_ip = each.value.address
  port_id     = openstack_networking_port_v2.port[each.key].id

  depends_on = [var.router_interfaces] # a floating IP reaches only subnets that are connected
}
