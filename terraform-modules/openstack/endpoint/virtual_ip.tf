# The API at an address that one server at a time holds. The port only reserves the address and is bound to no
# machine; the servers' own ports allow the address, and kube-vip in the cluster elects the server that holds it.

locals {
  shared = var.kind == "virtual_ip" ? 1 : 0
}

resource "openstack_networking_port_v2" "api" {
  count = local.shared

  name               = "${local.name}-api"
  description        = local.mark
  network_id         = var.network.id
  admin_state_up     = true
  no_security_groups = true # the security groups of the server that holds the address apply
  tags               = local.tags

  fixed_ip {
    subnet_id  = var.subnet_id
    ip_address = var.address
  }
}
