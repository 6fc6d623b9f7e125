# Server groups keep nodes on different physical machines. Most quotas allow 10 members per group, so a larger
# pool has several groups; nodes of different groups may share a machine.

locals {
  members = 10
  policies = {
    soft = ["soft-anti-affinity"]
    hard = ["anti-affinity"]
  }
  grouped = {
    for name, ordinal in local.ordinals : name => (
      var.anti_affinity == "none" ? null : tostring(floor((ordinal - 1) / local.members) + 1)
    )
  }
}

resource "openstack_compute_servergroup_v2" "group" {
  for_each = toset([for group in distinct(values(local.grouped)) : group if group != null])

  name     = "${local.name}-${var.pool}-${each.key}"
  policies = local.policies[var.anti_affinity]
}
