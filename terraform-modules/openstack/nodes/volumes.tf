# Volumes with the nodes' data, separate from the machines: a recreated machine gets the same volumes.

locals {
  # Keys are node/volume, so removing one does not affect others.
  volumes = {
    for pair in setproduct(keys(var.nodes), keys(var.volumes)) : "${pair[0]}/${pair[1]}" => {
      node = pair[0]
      name = pair[1]
    }
  }
}

resource "openstack_blockstorage_volume_v3" "volume" {
  for_each = local.volumes

  name                 = "${each.value.node}-${each.value.name}"
  description          = "Volume ${each.value.name} of node ${each.value.node}. Made by kbootstrap."
  size                 = var.volumes[each.value.name].size_gib
  volume_type          = var.volumes[each.value.name].type
  enable_online_resize = true # grows while its machine runs

  metadata = {
    "kbootstrap.spec"    = var.cluster.spec
    "kbootstrap.cluster" = var.cluster.name
    "kbootstrap.node"    = each.value.node
    "kbootstrap.volume"  = each.value.name
  }
}

# The cloud chooses the device name, so none is set here: the volume is found by its ID.
resource "openstack_compute_volume_attach_v2" "attachment" {
  for_each = local.volumes

  instance_id = openstack_compute_instance_v2.node[each.value.node].id
  volume_id   = openstack_blockstorage_volume_v3.volume[each.key].id
}
