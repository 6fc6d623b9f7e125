output "network" {
  description = "The network; id is new whenever it was made again."
  value = {
    id   = one(concat(openstack_networking_network_v2.network[*].id, data.openstack_networking_network_v2.existing[*].id))
    name = one(concat(openstack_networking_network_v2.network[*].name, data.openstack_networking_network_v2.existing[*].name))
  }
}

output "subnets" {
  description = "IDs of both subnets."
  value = {
    control_plane = local.subnet_ids["control-plane"]
    agents        = local.subnet_ids["agents"]
  }
}

output "external_network" {
  description = "Where floating IPs come from. They reach the subnets only once the router is connected."
  value       = data.openstack_networking_network_v2.external.name
  depends_on  = [openstack_networking_router_interface_v2.interface]
}
