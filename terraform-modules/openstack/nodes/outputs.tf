output "nodes" {
  description = "The nodes, by name. instance changes when the machine is recreated; volumes has the IDs of its volumes."
  value = {
    for name, node in var.nodes : name => merge(
      {
        role           = var.role
        pool           = var.pool
        address        = node.address
        instance       = openstack_compute_instance_v2.node[name].id
        public_address = try(openstack_networking_floatingip_associate_v2.public[name].floating_ip, null)
      },
      # From the attachments, so that a volume in the output is already attached to its machine.
      { for some in [var.volumes] : "volumes" => {
        for volume in keys(some) : volume => openstack_compute_volume_attach_v2.attachment["${name}/${volume}"].volume_id
      } if length(some) > 0 },
    )
  }
}
