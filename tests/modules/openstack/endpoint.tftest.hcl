mock_provider "openstack" {}

variables {
  cluster          = { spec = "lab", name = "ha" }
  cidr             = "10.60.0.0/16"
  subnet_id        = "s"
  external_network = "public"
  kind             = "load_balancer"
  address          = "10.60.0.10"
  servers          = { "ha-control-plane-1" = "10.60.0.11", "ha-control-plane-2" = "10.60.0.12" }
  allowed_cidrs    = ["203.0.113.0/24"]
}

run "a_load_balancer" {
  assert {
    condition     = keys(openstack_lb_member_v2.server) == ["ha-control-plane-1:6443", "ha-control-plane-2:6443"]
    error_message = "One member for each server, by its name."
  }
  assert {
    condition     = tolist(openstack_lb_listener_v2.port["6443"].allowed_cidrs) == tolist(["10.60.0.0/16", "203.0.113.0/24"])
    error_message = "Nodes join through the load balancer too."
  }
  assert {
    condition     = output.endpoint.internal.host == "10.60.0.10" && output.endpoint.external.host == openstack_networking_floatingip_v2.api[0].address
    error_message = "Nodes use the inner address, operators the floating IP."
  }
}

run "the_list_is_in_order" {
  variables {
    allowed_cidrs = ["203.0.113.0/24", "10.0.0.0/24", "10.60.0.0/16"]
  }
  assert {
    condition     = tolist(openstack_lb_listener_v2.port["6443"].allowed_cidrs) == tolist(["10.0.0.0/24", "10.60.0.0/16", "203.0.113.0/24"])
    error_message = "Octavia gives it back in order: another one would be a change in every plan."
  }
}

run "no_list_for_all_addresses" {
  variables {
    allowed_cidrs = ["0.0.0.0/0", "203.0.113.0/24"]
  }
  assert {
    condition     = openstack_lb_listener_v2.port["6443"].allowed_cidrs == null
    error_message = "A list with all addresses is no list."
  }
}

run "two_ports" {
  variables {
    ports = [6443, 9345]
  }
  assert {
    condition     = length(openstack_lb_listener_v2.port) == 2 && length(openstack_lb_member_v2.server) == 4
    error_message = "Every port has a listener, and a member for each server."
  }
}

run "ovn_knows_less" {
  variables {
    octavia = { provider = "ovn" }
  }
  assert {
    condition     = openstack_lb_pool_v2.port["6443"].lb_method == "SOURCE_IP_PORT" && openstack_lb_listener_v2.port["6443"].allowed_cidrs == null
    error_message = "OVN has one method, and no list of networks."
  }
}

run "the_first_server_s_floating_ip" {
  variables {
    kind           = "floating_ip"
    address        = "10.60.0.11"
    public_address = "198.51.100.7"
    servers        = {}
  }
  assert {
    condition     = output.endpoint == { internal = { host = "10.60.0.11", port = 6443 }, external = { host = "198.51.100.7", port = 6443 } }
    error_message = "Nothing is made here."
  }
}

run "an_existing_endpoint" {
  variables {
    kind    = "named"
    address = "api.example.org"
    servers = {}
  }
  assert {
    condition     = output.endpoint.external.host == "api.example.org" && length(openstack_lb_loadbalancer_v2.api) == 0
    error_message = "Nothing is made here."
  }
}

run "an_address_that_servers_share" {
  variables {
    kind    = "virtual_ip"
    network = { id = "n", name = "lab-ha" }
    servers = {}
  }
  assert {
    condition = (
      one(openstack_networking_port_v2.api[0].fixed_ip).ip_address == "10.60.0.10"
      && openstack_networking_port_v2.api[0].network_id == "n"
      && openstack_networking_port_v2.api[0].no_security_groups
    )
    error_message = "A port keeps the address, with no rules of its own."
  }
  assert {
    condition     = openstack_networking_floatingip_v2.api[0].port_id == openstack_networking_port_v2.api[0].id
    error_message = "The floating IP leads to it."
  }
  assert {
    condition = output.endpoint == {
      internal = { host = "10.60.0.10", port = 6443 }
      external = { host = openstack_networking_floatingip_v2.api[0].address, port = 6443 }
      instance = openstack_networking_port_v2.api[0].id
    }
    error_message = "Nodes use the address, operators its floating IP."
  }
  assert {
    condition     = length(openstack_lb_loadbalancer_v2.api) == 0 && length(openstack_lb_listener_v2.port) == 0
    error_message = "No load balancer beside it."
  }
}
