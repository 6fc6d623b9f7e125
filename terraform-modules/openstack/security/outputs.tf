output "groups" {
  description = "IDs of the security groups: control_plane, agents, and bastion where that is a machine."
  value       = { for name, group in openstack_networking_secgroup_v2.group : name => group.id }
}

output "rules" {
  description = "The rules by their names, for people who look at the state."
  value       = sort(keys(local.rules))
}
