output "load_balancer" {
  description = "Address by which clients reach the load balancer."
  value = {
    address = openstack_networking_floatingip_v2.public.address
    ports   = var.ports
  }
}
