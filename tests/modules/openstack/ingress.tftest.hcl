mock_provider "openstack" {}

variables {
  cluster          = { spec = "lab", name = "ha" }
  name             = "public"
  ports            = [80, 443]
  members          = { "ha-web-1" = "10.60.4.11", "ha-web-2" = "10.60.4.12" }
  subnet_id        = "s"
  external_network = "public"
}

run "ports_lead_to_node_ports" {
  assert {
    condition     = { for name, member in openstack_lb_member_v2.node : name => member.protocol_port } == { "ha-web-1:80" = 30080, "ha-web-1:443" = 30443, "ha-web-2:80" = 30080, "ha-web-2:443" = 30443 }
    error_message = "One member for each node and port."
  }
  assert {
    condition     = output.load_balancer.address == openstack_networking_floatingip_v2.public.address
    error_message = "It has an address of its own."
  }
}

run "node_ports_end" {
  command = plan
  variables {
    ports = [8080]
  }
  expect_failures = [var.ports]
}
