# Existing resources that are used instead of new ones, found by name or by ID.

locals {
  uuid = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
  existing_subnets = {
    for name, subnet in {
      control-plane = var.existing.control_plane_subnet
      agents        = var.existing.agents_subnet
    } : name => subnet if !local.making
  }
  # The ID of each subnet, created or existing.
  subnet_ids = {
    for name in keys(local.cidrs) : name => (
      local.making
      ? try(openstack_networking_subnet_v2.subnet[name].id, null)
      : try(data.openstack_networking_subnet_v2.existing[name].id, null)
    )
  }
}

data "openstack_networking_network_v2" "existing" {
  count = local.making ? 0 : 1

  name       = can(regex(local.uuid, var.existing.network)) ? null : var.existing.network
  network_id = can(regex(local.uuid, var.existing.network)) ? var.existing.network : null
}

data "openstack_networking_subnet_v2" "existing" {
  for_each = local.existing_subnets

  name       = can(regex(local.uuid, each.value)) ? null : each.value
  subnet_id  = can(regex(local.uuid, each.value)) ? each.value : null
  network_id = data.openstack_networking_network_v2.existing[0].id

  lifecycle {
    postcondition {
      condition     = self.cidr == local.cidrs[each.key]
      error_message = "Subnet ${each.value} has the addresses ${self.cidr}, and the spec says ${local.cidrs[each.key]}."
    }
  }
}

data "openstack_networking_router_v2" "existing" {
  count = var.existing.router == null ? 0 : 1

  name      = can(regex(local.uuid, var.existing.router)) ? null : var.existing.router
  router_id = can(regex(local.uuid, var.existing.router)) ? var.existing.router : null
}
