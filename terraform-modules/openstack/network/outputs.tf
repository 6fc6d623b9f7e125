output "network" {
  description = "The network; id changes when it is recreated."
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
  description = "The source of floating IPs. They reach the subnets only after the router is connected."
  value       = data.openstack_networking_network_v2.external.name
}

output "router_interfaces" {
  description = "IDs of the router's interfaces in the subnets. Only then can floating IPs be assigned."
  value       = values(openstack_networking_router_interface_v2.interface)[*].id
}
