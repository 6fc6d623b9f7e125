# Machines, each with its own port, which keeps the address when the machine is recreated.

resource "openstack_networking_port_v2" "port" {
  for_each = var.nodes

  name               = each.key
  description        = local.mark
  network_id         = var.network.id
  admin_state_up     = true
  security_group_ids = var.security_group_ids
  tags               = local.tags

  fixed_ip {
    subnet_id  = var.subnet_id
    ip_address = each.value.address
  }

  # The cloud drops packets of all other addresses except the port's own.
  dynamic "allowed_address_pairs" {
    for_each = var.shared_addresses
    content {
      ip_address = allowed_address_pairs.value
    }
  }
}

resource "openstack_compute_instance_v2" "node" {
  for_each = var.nodes

  name              = each.key
  flavor_name       = coalesce(each.value.flavor, var.flavor)
  image_id          = var.boot_volume == null ? var.image_id : null
  availability_zone = local.zones[each.key]
  key_pair          = var.key_pair
  user_data         = local.user_data

  metadata = {
    "kbootstrap.spec"    = var.cluster.spec
    "kbootstrap.cluster" = var.cluster.name
    "kbootstrap.pool"    = var.pool
    "kbootstrap.role"    = var.role
  }

  network {
    port = openstack_networking_port_v2.port[each.key].id
  }

  dynamic "block_device" {
    for_each = var.boot_volume[*]
    content {
      boot_index            = 0
      source_type           = "image"
      uuid                  = var.image_id
      destination_type      = "volume"
      volume_size           = block_device.value.size_gib
      volume_type           = block_device.value.type
      delete_on_termination = true
    }
  }

  dynamic "scheduler_hints" {
    for_each = local.grouped[each.key][*]
    content {
      group = openstack_compute_servergroup_v2.group[scheduler_hints.value].id
    }
  }

  lifecycle {
    # Keys, image and zone apply when a machine is created; changes do not replace existing machines. kbootstrap starts
    # machines that are shut off while OpenTofu plans; a second request to start one would fail.
    ignore_changes = [
      user_data, key_pair, image_id, block_device, availability_zone, availability_zone_hints, power_state,
    ]
  }
}

locals {
  # The number at the end of a node's name. It does not change when other nodes are added or removed.
  ordinals = { for name in keys(var.nodes) : name => tonumber(regex("[0-9]+$", name)) }

  zones = {
    for name, ordinal in local.ordinals : name => (
      length(var.availability_zones) == 0 ? null : element(var.availability_zones, ordinal - 1)
    )
  }

  # Small and constant, without secrets and versions. Everything else is installed over SSH.
  user_data = join("\n", ["#cloud-config", yamlencode({
    users = [
      "default",
      {
        name                = var.ssh_user
        shell               = "/bin/bash"
        sudo                = "ALL=(ALL) NOPASSWD:ALL"
        lock_passwd         = true
        ssh_authorized_keys = var.ssh_authorized_keys
      },
    ]
    ssh_pwauth = false
  })])
}
