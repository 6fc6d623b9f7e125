# The cluster's network with its two subnets, or an existing one.

resource "openstack_networking_network_v2" "network" {
  count = local.making ? 1 : 0

  name           = local.name
  description    = local.mark
  admin_state_up = true
  mtu            = var.mtu
  tags           = local.tags
}

resource "openstack_networking_subnet_v2" "subnet" {
  for_each = { for name, cidr in local.cidrs : name => cidr if local.making }

  name            = "${local.name}-${each.key}"
  description     = local.mark
  network_id      = openstack_networking_network_v2.network[0].id
  cidr            = each.value
  ip_version      = 4
  gateway_ip      = cidrhost(each.value, 1)
  dns_nameservers = var.dns_servers
  tags            = local.tags

  # Addresses that the cloud assigns itself (DHCP, load balancers, the bastion), separate from those of nodes.
  dynamic "allocation_pool" {
    for_each = local.handed_out[each.key]
    content {
      start = cidrhost(each.value, allocation_pool.value[0])
      end   = cidrhost(each.value, allocation_pool.value[1])
    }
  }
}

locals {
  making = var.existing.network == null
  cidrs = {
    control-plane = var.control_plane
    agents        = var.agents
  }

  # First and last position of each range in its subnet. Servers have 11 to 19, agents 11 up to the last eighth.
  sizes = { for name, cidr in local.cidrs : name => pow(2, 32 - tonumber(split("/", cidr)[1])) }
  handed_out = {
    control-plane = [[2, 9], [max(20, local.sizes.control-plane / 2), local.sizes.control-plane - 2]]
    agents = concat([[2, 9]], local.sizes.agents < 128 ? [] : [
      [local.sizes.agents - 1 - local.sizes.agents / 8, local.sizes.agents - 2],
    ])
  }
}
