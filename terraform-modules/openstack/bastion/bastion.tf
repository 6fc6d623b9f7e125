# The bastion: a small machine in the control plane's subnet that SSH connects through. The cloud assigns its
# address.

resource "openstack_networking_port_v2" "port" {
  name               = "${local.name}-bastion"
  description        = local.mark
  network_id         = var.network.id
  admin_state_up     = true
  security_group_ids = var.security_group_ids
  tags               = local.tags

  fixed_ip {
    subnet_id = var.subnet_id
  }
}

resource "openstack_compute_instance_v2" "bastion" {
  name              = "${var.cluster.name}-bastion"
  flavor_name       = var.flavor
  image_id          = var.boot_volume == null ? var.image_id : null
  availability_zone = one(slice(var.availability_zones, 0, min(1, length(var.availability_zones))))
  key_pair          = var.key_pair
  user_data         = local.user_data

  metadata = {
    "kbootstrap.spec"    = var.cluster.spec
    "kbootstrap.cluster" = var.cluster.name
    "kbootstrap.role"    = "bastion"
  }

  network {
    port = openstack_networking_port_v2.port.id
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

  lifecycle {
    # Keys, image and zone apply when a machine is created; changes do not replace existing machines.
    ignore_changes = [user_data, key_pair, image_id, block_device, availability_zone, availability_zone_hints]
  }
}

resource "openstack_networking_floatingip_v2" "public" {
  pool        = var.external_network
  description = "${local.name}-bastion, ${local.mark}"
  tags        = local.tags
}

resource "openstack_networking_floatingip_associate_v2" "public" {
  floating_ip = openstack_networking_floatingip_v2.public.address
  port_id     = openstack_networking_port_v2.port.id

  depends_on = [var.router_interfaces] # a floating IP reaches only subnets that are connected
}

locals {
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
