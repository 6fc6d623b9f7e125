output "groups" {
  description = "IDs of the security groups: control_plane, agents, and bastion if it is a separate machine."
  value       = { for name, group in openstack_networking_secgroup_v2.group : name => group.id }
}

output "rules" {
  description = "The rules by name, to make the state readable."
  value       = sort(keys(local.rules))
}
