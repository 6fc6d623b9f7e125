mock_provider "openstack" {}

variables {
  cluster            = { spec = "lab", name = "ha" }
  network            = { id = "n", name = "lab-ha" }
  subnet_id          = "s"
  external_network   = "public"
  security_group_ids = ["g"]

  role = "agent"
  pool = "web"
  nodes = {
    "ha-web-1"  = { address = "10.60.4.11", public = true }
    "ha-web-2"  = { address = "10.60.4.12" }
    "ha-web-11" = { address = "10.60.4.21" }
  }
  flavor              = "small"
  image_id            = "i"
  ssh_user            = "ops"
  ssh_authorized_keys = ["ssh-ed25519 AAAA"]
}

run "static_addresses_and_one_floating_ip" {
  assert {
    condition     = one(openstack_networking_port_v2.port["ha-web-11"].fixed_ip).ip_address == "10.60.4.21"
    error_message = "The port has the node's address."
  }
  assert {
    condition     = keys(openstack_networking_floatingip_v2.public) == ["ha-web-1"] && output.nodes["ha-web-2"].public_address == null
    error_message = "Only public nodes have a floating IP."
  }
  assert {
    condition     = length(openstack_compute_servergroup_v2.group) == 0
    error_message = "No server group without anti-affinity."
  }
  assert {
    condition     = yamldecode(openstack_compute_instance_v2.node["ha-web-1"].user_data).users[1].name == "ops"
    error_message = "cloud-init makes the user."
  }
}

# Zone and image of a machine that is there stay, so this run makes others.
run "zones_and_groups_follow_the_number" {
  variables {
    pool = "db"
    nodes = {
      "ha-db-1"  = { address = "10.60.4.11" }
      "ha-db-2"  = { address = "10.60.4.12" }
      "ha-db-11" = { address = "10.60.4.21" }
    }
    availability_zones = ["a", "b"]
    anti_affinity      = "hard"
  }
  assert {
    condition     = { for name, node in openstack_compute_instance_v2.node : name => node.availability_zone } == { "ha-db-1" = "a", "ha-db-2" = "b", "ha-db-11" = "a" }
    error_message = "Zones are taken in turn."
  }
  assert {
    condition     = [for group in openstack_compute_servergroup_v2.group : "${group.name} ${one(group.policies)}"] == ["lab-ha-db-1 anti-affinity", "lab-ha-db-2 anti-affinity"]
    error_message = "Ten members in a group."
  }
}

run "image_and_zone_count_when_a_machine_is_made" {
  variables {
    pool     = "db"
    image_id = "newer"
    nodes = {
      "ha-db-1"  = { address = "10.60.4.11" }
      "ha-db-2"  = { address = "10.60.4.12" }
      "ha-db-3"  = { address = "10.60.4.13" }
      "ha-db-11" = { address = "10.60.4.21" }
    }
    availability_zones = ["c", "a", "b"]
    anti_affinity      = "hard"
  }
  assert {
    condition = { for name, node in openstack_compute_instance_v2.node : name => "${node.image_id} ${node.availability_zone}" } == {
      "ha-db-1" = "i a", "ha-db-2" = "i b", "ha-db-3" = "newer b", "ha-db-11" = "i a"
    }
    error_message = "Only the new machine has the new image, and a zone of the new list."
  }
}

run "a_boot_volume_instead_of_the_flavor_s_disk" {
  variables {
    nodes       = { "ha-disk-1" = { address = "10.60.4.11" } }
    boot_volume = { size_gib = 40 }
  }
  assert {
    condition     = one(openstack_compute_instance_v2.node["ha-disk-1"].block_device).volume_size == 40
    error_message = "The machine boots from a volume."
  }
}

run "names_end_in_a_number" {
  command = plan
  variables {
    nodes = { "ha-web" = { address = "10.60.4.11" } }
  }
  expect_failures = [var.nodes]
}

run "no_volumes_unless_asked_for" {
  assert {
    condition     = length(openstack_blockstorage_volume_v3.volume) == 0 && !contains(keys(output.nodes["ha-web-1"]), "volumes")
    error_message = "Volumes are extra, and the output does not speak of them where there are none."
  }
}

run "each_node_has_volumes_of_its_own" {
  variables {
    nodes = {
      "ha-data-1" = { address = "10.60.4.11" }
      "ha-data-2" = { address = "10.60.4.12" }
    }
    volumes = {
      data = { size_gib = 200, type = "fast" }
      logs = { size_gib = 10 }
    }
  }
  assert {
    condition     = keys(openstack_blockstorage_volume_v3.volume) == ["ha-data-1/data", "ha-data-1/logs", "ha-data-2/data", "ha-data-2/logs"]
    error_message = "Keys name the node and the volume."
  }
  assert {
    condition = (
      openstack_blockstorage_volume_v3.volume["ha-data-2/data"].name == "ha-data-2-data"
      && openstack_blockstorage_volume_v3.volume["ha-data-2/data"].size == 200
      && openstack_blockstorage_volume_v3.volume["ha-data-2/data"].volume_type == "fast"
      && openstack_blockstorage_volume_v3.volume["ha-data-2/data"].metadata["kbootstrap.cluster"] == "ha"
      && openstack_blockstorage_volume_v3.volume["ha-data-2/data"].enable_online_resize
    )
    error_message = "A volume has the spec's size and type, the cluster's marks, and grows while it is used."
  }
  assert {
    condition = alltrue([
      for key, attachment in openstack_compute_volume_attach_v2.attachment :
      attachment.instance_id == openstack_compute_instance_v2.node[split("/", key)[0]].id
      && attachment.volume_id == openstack_blockstorage_volume_v3.volume[key].id
    ])
    error_message = "Each volume is attached to its own node, under a name that the cloud chooses."
  }
  assert {
    condition     = output.nodes["ha-data-1"].volumes == { for name in ["data", "logs"] : name => openstack_blockstorage_volume_v3.volume["ha-data-1/${name}"].id }
    error_message = "The output has the IDs, by which volumes are found in the machine."
  }
}

run "names_of_volumes_are_names" {
  command = plan
  variables {
    volumes = { "a/b" = { size_gib = 1 } }
  }
  expect_failures = [var.volumes]
}

run "only_its_own_address_passes_unless_asked_for" {
  assert {
    condition     = alltrue([for port in openstack_networking_port_v2.port : length(port.allowed_address_pairs) == 0])
    error_message = "A port must not take the address of another one."
  }
}

run "nodes_may_share_an_address" {
  variables {
    shared_addresses = ["10.60.4.10"]
  }
  assert {
    condition     = alltrue([for port in openstack_networking_port_v2.port : one(port.allowed_address_pairs).ip_address == "10.60.4.10"])
    error_message = "Each of them may answer for it."
  }
}

run "a_shared_address_is_one_address" {
  command = plan
  variables {
    shared_addresses = ["10.60.4.0/24"]
  }
  expect_failures = [var.shared_addresses]
}
