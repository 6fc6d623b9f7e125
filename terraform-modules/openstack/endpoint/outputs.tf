output "endpoint" {
  description = "The API's endpoint: internal for nodes, external for operators; instance if it is a separate resource."
  value = merge(
    {
      internal = {
        host = var.address
        port = var.ports[0]
      }
      external = {
        host = coalesce(one(openstack_networking_floatingip_v2.api[*].address), var.public_address, var.address)
        port = var.ports[0]
      }
    },
    { for balancer in openstack_lb_loadbalancer_v2.api : "instance" => balancer.id },
    { for port in openstack_networking_port_v2.api : "instance" => port.id },
  )
  # Users of the endpoint need servers behind it.
  depends_on = [openstack_lb_member_v2.server, openstack_lb_monitor_v2.port]
}
