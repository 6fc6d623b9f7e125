output "bastion" {
  description = "The bastion; instance changes when the machine is recreated."
  value = {
    address  = openstack_networking_floatingip_associate_v2.public.floating_ip
    user     = var.ssh_user
    instance = openstack_compute_instance_v2.bastion.id
  }
}
