mock_provider "openstack" {}

variables {
  cluster           = { spec = "lab", name = "ha" }
  cidr              = "10.60.0.0/16"
  control_plane     = "10.60.0.0/24"
  api_allowed_cidrs = ["203.0.113.0/24"]
  api_direct        = true
  ssh_allowed_cidrs = ["203.0.113.0/24"]
  bastion           = "server"
}

run "a_plain_cluster_has_few_rules" {
  assert {
    # Every group comes with two rules that let everything out.
    condition     = length(output.rules) + 2 * length(output.groups) <= 20
    error_message = "${length(output.rules)} rules: ${join(", ", output.rules)}"
  }
  assert {
    condition = output.rules == tolist([
      "203.0.113.0/24->control_plane-tcp-22",
      "203.0.113.0/24->control_plane-tcp-6443",
      "control_plane->agents-tcp-22",
      "control_plane->control_plane-tcp-22",
      "control_plane->control_plane-tcp-2379-2380",
      "nodes->agents-tcp-10250",
      "nodes->agents-tcp-30000-32767",
      "nodes->agents-udp-30000-32767",
      "nodes->agents-udp-8472",
      "nodes->control_plane-tcp-10250",
      "nodes->control_plane-tcp-30000-32767",
      "nodes->control_plane-tcp-6443",
      "nodes->control_plane-udp-30000-32767",
      "nodes->control_plane-udp-8472",
    ])
    error_message = join("\n", output.rules)
  }
  assert {
    condition     = openstack_networking_secgroup_rule_v2.rule["nodes->agents-udp-8472"].remote_ip_prefix == "10.60.0.0/16"
    error_message = "The overlay is for nodes only."
  }
  assert {
    condition     = { for name, group in openstack_networking_secgroup_v2.group : name => group.name } == { agents = "lab-ha-agents", control_plane = "lab-ha-control-plane" }
    error_message = "Groups are named after spec, cluster and role."
  }
}

run "a_pod_network_with_other_ports" {
  variables {
    pod_ports = [{ protocol = "udp", port = 4789 }, { protocol = "tcp", port = 5473 }]
  }
  assert {
    condition     = length(setsubtract(["nodes->agents-udp-4789", "nodes->control_plane-udp-4789", "nodes->agents-tcp-5473", "nodes->control_plane-tcp-5473"], output.rules)) == 0
    error_message = join("\n", output.rules)
  }
  assert {
    condition     = !contains(output.rules, "nodes->agents-udp-8472")
    error_message = "Ports that the network does not use stay closed."
  }
}

run "nodes_that_give_each_other_images_reach_the_ports" {
  variables {
    image_ports = [5001, 6443]
  }
  assert {
    condition = alltrue([
      for rule in ["nodes->agents-tcp-5001", "nodes->agents-tcp-6443", "nodes->control_plane-tcp-5001", "nodes->control_plane-tcp-6443"] :
      contains(output.rules, rule)
    ])
    error_message = join("\n", output.rules)
  }
}

run "a_bastion_of_its_own_takes_ssh" {
  variables {
    bastion = "machine"
  }
  assert {
    condition     = contains(output.rules, "203.0.113.0/24->bastion-tcp-22") && !contains(output.rules, "203.0.113.0/24->control_plane-tcp-22")
    error_message = join("\n", output.rules)
  }
}

run "without_a_bastion_every_node_takes_ssh" {
  variables {
    bastion = "none"
  }
  assert {
    condition     = contains(output.rules, "203.0.113.0/24->agents-tcp-22") && !contains(output.rules, "control_plane->agents-tcp-22")
    error_message = join("\n", output.rules)
  }
}

run "without_a_bastion_a_pod_may_install_agents" {
  variables {
    bastion         = "none"
    installs_agents = true
  }
  assert {
    condition     = contains(output.rules, "control_plane->agents-tcp-22") && !contains(output.rules, "control_plane->control_plane-tcp-22")
    error_message = join("\n", output.rules)
  }
}

run "with_a_bastion_it_may_anyway" {
  variables {
    installs_agents = true
  }
  assert {
    condition     = length([for rule in output.rules : rule if rule == "control_plane->agents-tcp-22"]) == 1
    error_message = join("\n", output.rules)
  }
}

run "balancers_that_keep_addresses_let_clients_in" {
  variables {
    keeps_client_addresses = true
  }
  assert {
    condition     = openstack_networking_secgroup_rule_v2.rule["clients->agents-tcp-30000-32767"].remote_ip_prefix == "0.0.0.0/0"
    error_message = "OVN passes packets on with the client's address."
  }
  assert {
    condition     = length([for rule in output.rules : rule if strcontains(rule, "clients->control_plane")]) == 0
    error_message = "Servers take none of them: ${join(", ", output.rules)}"
  }
}

run "an_amphora_stands_between" {
  variables {
    api_direct = false
  }
  assert {
    condition     = !contains(output.rules, "203.0.113.0/24->control_plane-tcp-6443")
    error_message = "The listener limits access to the API."
  }
}

run "the_same_rule_is_made_once" {
  variables {
    ssh_allowed_cidrs = ["10.60.0.0/24", "203.0.113.0/24"]
    api_allowed_cidrs = ["10.60.0.0/16"]
  }
  assert {
    condition     = length(output.rules) == 14 - 1
    error_message = join("\n", output.rules)
  }
}

run "ranges_are_checked" {
  command = plan
  variables {
    ssh_allowed_cidrs = ["office"]
  }
  expect_failures = [var.ssh_allowed_cidrs]
}
