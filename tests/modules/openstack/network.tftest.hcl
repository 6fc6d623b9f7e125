mock_provider "openstack" {
  mock_data "openstack_networking_subnet_v2" {
    defaults = { cidr = "10.60.0.0/24" }
  }
}

variables {
  cluster          = { spec = "lab", name = "ha" }
  control_plane    = "10.60.0.0/24"
  agents           = "10.60.4.0/22"
  external_network = "public"
}

run "a_network_is_made" {
  variables {
    dns_servers = ["9.9.9.9"]
    mtu         = 1450
  }
  assert {
    condition     = openstack_networking_network_v2.network[0].name == "lab-ha" && openstack_networking_network_v2.network[0].mtu == 1450
    error_message = "The network has the cluster's name and the MTU."
  }
  assert {
    condition = sort(flatten([
      for subnet in openstack_networking_subnet_v2.subnet : [for pool in subnet.allocation_pool : "${pool.start} ${pool.end}"]
      ])) == tolist([
      "10.60.0.128 10.60.0.254",
      "10.60.0.2 10.60.0.9",
      "10.60.4.2 10.60.4.9",
      "10.60.7.127 10.60.7.254",
    ])
    error_message = "What the cloud hands out is apart from the addresses of nodes."
  }
  assert {
    condition     = length(openstack_networking_router_interface_v2.interface) == 2
    error_message = "Both subnets are connected to the router."
  }
}

run "a_router_that_exists" {
  variables {
    existing = { router = "0f2c0d2e-6f5c-4b1e-9d0e-3b8f4f5f7c11" }
  }
  assert {
    condition     = length(openstack_networking_router_v2.router) == 0 && data.openstack_networking_router_v2.existing[0].router_id == "0f2c0d2e-6f5c-4b1e-9d0e-3b8f4f5f7c11"
    error_message = "An ID is looked up as one, and no other router is made."
  }
  assert {
    condition     = length(openstack_networking_router_interface_v2.interface) == 2
    error_message = "The network that is made is connected to it."
  }
}

run "a_network_that_exists" {
  variables {
    agents   = "10.60.0.0/24"
    existing = { network = "company", control_plane_subnet = "servers", agents_subnet = "agents" }
  }
  assert {
    condition     = length(openstack_networking_network_v2.network) + length(openstack_networking_router_v2.router) + length(openstack_networking_router_interface_v2.interface) == 0
    error_message = "Nothing is made."
  }
  assert {
    condition     = output.subnets.agents == data.openstack_networking_subnet_v2.existing["agents"].id
    error_message = "The subnet is the one that was found."
  }
}

run "an_existing_subnet_has_the_spec_s_addresses" {
  command = plan
  variables {
    existing = { network = "company", control_plane_subnet = "servers", agents_subnet = "agents" }
  }
  expect_failures = [data.openstack_networking_subnet_v2.existing["agents"]]
}

run "a_network_comes_with_its_subnets" {
  command = plan
  variables {
    existing = { network = "company" }
  }
  expect_failures = [var.existing]
}
