output "load_balancer" {
  description = "Where clients reach it."
  value = {
    address = openstack_networking_floatingip_v2.public.address
    ports   = var.ports
  }
}
