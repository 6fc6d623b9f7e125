# The API at an address that one of the servers has at a time. The port only keeps the address: no machine is bound to
# it, the servers' own ports let the address through, and kube-vip in the cluster says which of them answers for it.

locals {
  shared = var.kind == "virtual_ip" ? 1 : 0
}

resource "openstack_networking_port_v2" "api" {
  count = local.shared

  name               = "${local.name}-api"
  description        = local.mark
  network_id         = var.network.id
  admin_state_up     = true
  no_security_groups = true # what arrives meets the groups of the server that has the address
  tags               = local.tags

  fixed_ip {
    subnet_id  = var.subnet_id
    ip_address = var.address
  }
}
