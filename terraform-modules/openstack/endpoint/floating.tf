# The address by which operators reach an endpoint that is created here.

resource "openstack_networking_floatingip_v2" "api" {
  count = local.balanced + local.shared

  pool        = var.external_network
  port_id     = one(concat(openstack_lb_loadbalancer_v2.api[*].vip_port_id, openstack_networking_port_v2.api[*].id))
  description = "${local.name}-api, ${local.mark}"
  tags        = local.tags

  depends_on = [var.router_interfaces] # a floating IP reaches only subnets that are connected
}
