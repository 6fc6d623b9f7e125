mock_provider "openstack" {}

variables {
  cluster             = { spec = "lab", name = "ha" }
  network             = { id = "n", name = "lab-ha" }
  subnet_id           = "s"
  external_network    = "public"
  security_group_ids  = ["g"]
  flavor              = "small"
  image_id            = "i"
  availability_zones  = ["a", "b"]
  ssh_user            = "ops"
  ssh_authorized_keys = ["ssh-ed25519 AAAA"]
}

run "a_machine_with_a_floating_ip" {
  assert {
    condition     = openstack_compute_instance_v2.bastion.name == "ha-bastion" && openstack_compute_instance_v2.bastion.availability_zone == "a"
    error_message = "It has the cluster's name and the first zone."
  }
  assert {
    condition     = output.bastion.address == openstack_networking_floatingip_v2.public.address && output.bastion.user == "ops"
    error_message = "It is reached by its floating IP."
  }
}

run "another_image_or_zone_leaves_it" {
  variables {
    image_id           = "newer"
    availability_zones = ["b"]
  }
  assert {
    condition     = openstack_compute_instance_v2.bastion.image_id == "i" && openstack_compute_instance_v2.bastion.availability_zone == "a"
    error_message = "Image and zone count when the machine is made."
  }
}
