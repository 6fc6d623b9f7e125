# The router: the cluster's own, or an existing one. Without either, the existing subnets already have one.

data "openstack_networking_network_v2" "external" {
  name     = var.external_network
  external = true
}

resource "openstack_networking_router_v2" "router" {
  count = local.making && var.existing.router == null ? 1 : 0

  name                = local.name
  description         = local.mark
  admin_state_up      = true
  external_network_id = data.openstack_networking_network_v2.external.id
  tags                = local.tags
}

resource "openstack_networking_router_interface_v2" "interface" {
  for_each = local.making || var.existing.router != null ? local.subnet_ids : {}

  router_id = one(concat(
    openstack_networking_router_v2.router[*].id,
    data.openstack_networking_router_v2.existing[*].id,
  ))
  subnet_id = each.value
}
