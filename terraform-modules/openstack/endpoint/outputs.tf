output "endpoint" {
  description = "Both faces of the API: internal for nodes, external for operators; instance where it is a thing of its own."
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
  # Whoever uses the endpoint wants servers behind it.
  depends_on = [openstack_lb_member_v2.server, openstack_lb_monitor_v2.port]
}
