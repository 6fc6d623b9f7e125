# Allowed traffic. The rules use only address ranges: rules between groups are slow to take effect, and each rule
# costs seconds and quota. Outgoing traffic is not filtered (the two rules that every new group has).

locals {
  # The names in the table's `from`, and their address ranges.
  ranges = {
    nodes         = [var.cidr]
    control_plane = [var.control_plane]
    api           = var.api_allowed_cidrs
    ssh           = var.ssh_allowed_cidrs
    clients       = ["0.0.0.0/0"]
  }

  table = concat(
    # from → to, protocol, ports: purpose
    [for port in var.api_ports : { from = "nodes", to = "control_plane", protocol = "tcp", ports = [port, port] }], # API
    flatten([
      for to in ["control_plane", "agents"] : [
        for one in var.pod_ports : { from = "nodes", to = to, protocol = one.protocol, ports = [one.port, one.port] } # pods
      ]
    ]),
    [
      { from = "control_plane", to = "control_plane", protocol = "tcp", ports = [2379, 2380] }, # etcd
      { from = "nodes", to = "control_plane", protocol = "tcp", ports = [10250, 10250] },       # kubelet
      { from = "nodes", to = "agents", protocol = "tcp", ports = [10250, 10250] },              # kubelet
      { from = "nodes", to = "control_plane", protocol = "tcp", ports = [30000, 32767] },       # Services
      { from = "nodes", to = "control_plane", protocol = "udp", ports = [30000, 32767] },       # Services
      { from = local.node_ports, to = "agents", protocol = "tcp", ports = [30000, 32767] },     # Services
      { from = local.node_ports, to = "agents", protocol = "udp", ports = [30000, 32767] },     # Services
    ],
    [for port in var.image_ports : { from = "nodes", to = "control_plane", protocol = "tcp", ports = [port, port] }], # images
    [for port in var.image_ports : { from = "nodes", to = "agents", protocol = "tcp", ports = [port, port] }],        # images
    local.api,
    local.ssh[var.bastion],
    # Cluster Autoscaler's server, a pod on the control plane
    [for port in var.installs_agents ? [22] : [] : { from = "control_plane", to = "agents", protocol = "tcp", ports = [port, port] }],
  )

  # OVN's load balancers forward packets with the client's address; others connect from the cluster's subnets.
  # Only agents accept clients: a floating IP on a server would expose its node ports to the internet.
  node_ports = var.keeps_client_addresses ? "clients" : "nodes"

  # Operators connect to the API directly, not from a load balancer's address in the cluster.
  api = [
    for port in slice(var.api_ports, 0, 1) : { from = "api", to = "control_plane", protocol = "tcp", ports = [port, port] }
    if var.api_direct
  ]

  ssh = {
    # Through the first server, which has a floating IP.
    server = [
      { from = "ssh", to = "control_plane", protocol = "tcp", ports = [22, 22] },
      { from = "control_plane", to = "control_plane", protocol = "tcp", ports = [22, 22] },
      { from = "control_plane", to = "agents", protocol = "tcp", ports = [22, 22] },
    ]
    # Through a separate machine in the control plane's subnet.
    machine = [
      { from = "ssh", to = "bastion", protocol = "tcp", ports = [22, 22] },
      { from = "control_plane", to = "control_plane", protocol = "tcp", ports = [22, 22] },
      { from = "control_plane", to = "agents", protocol = "tcp", ports = [22, 22] },
    ]
    none = [
      { from = "ssh", to = "control_plane", protocol = "tcp", ports = [22, 22] },
      { from = "ssh", to = "agents", protocol = "tcp", ports = [22, 22] },
    ]
  }

  # One rule per range. Rules of operators' ranges are named by address, so adding one does not affect others.
  every = flatten([
    for row in local.table : [
      for range in local.ranges[row.from] : merge(row, {
        range = range
        key = join("", [
          contains(["api", "ssh"], row.from) ? range : row.from,
          "->", row.to, "-", row.protocol, "-", join("-", distinct(row.ports)),
        ])
      })
    ]
  ])

  # Two rows can yield the same rule, if operators are in the cluster's own network; the cloud accepts it once.
  same  = { for rule in local.every : "${rule.to} ${rule.protocol} ${rule.ports[0]} ${rule.range}" => rule... }
  rules = { for found in values(local.same) : found[0].key => found[0] }
}

resource "openstack_networking_secgroup_v2" "group" {
  for_each = toset(concat(["control_plane", "agents"], var.bastion == "machine" ? ["bastion"] : []))

  name        = "${local.name}-${replace(each.key, "_", "-")}"
  description = local.mark
  tags        = local.tags
}

resource "openstack_networking_secgroup_rule_v2" "rule" {
  for_each = local.rules

  description       = each.key
  security_group_id = openstack_networking_secgroup_v2.group[each.value.to].id
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = each.value.protocol
  port_range_min    = each.value.ports[0]
  port_range_max    = each.value.ports[1]
  remote_ip_prefix  = each.value.range
}
