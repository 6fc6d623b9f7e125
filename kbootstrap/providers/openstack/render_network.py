"""Renders the parts of the root module besides machines: network, security groups, API endpoint, ingress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from kbootstrap.providers.cloud.exposure import ranges
from kbootstrap.providers.openstack.settings import BastionMachine, settings
from kbootstrap.render.hcl import Block, Comment, Item, Raw, Value, document, quote
from kbootstrap.render.root import api_ports, image_ports, module_name, pod_ports
from kbootstrap.spec.model import CONTROL_PLANE, Cluster, LoadBalancer, Network, Node
from kbootstrap.spec.topology import MADE_ENDPOINTS, endpoint_address


def network(cluster: Cluster) -> str:
    """Return `network.tf`."""
    chosen, known = settings(cluster), _network(cluster)
    body: list[Item] = [
        {"source": "../modules/openstack/network", "cluster": Raw("local.cluster")},
        {"control_plane": str(known.control_plane), "agents": str(known.agents)},
        {"external_network": chosen.external_network},
    ]
    if chosen.dns_servers and not (chosen.existing and chosen.existing.network):
        body.append({"dns_servers": chosen.dns_servers})
    if chosen.mtu is not None:
        body.append({"mtu": chosen.mtu})
    if chosen.existing is not None:
        body.append({"existing": _without_none(asdict(chosen.existing))})
    return document(Block("module", "network", body=body))


def security(cluster: Cluster) -> str:
    """Return `security.tf`. The module's default for the pods' network is that of most distributions."""
    pods = pod_ports(cluster)
    chosen, known = settings(cluster), _network(cluster)
    balancer = chosen.load_balancer.provider
    bastion = "machine" if isinstance(chosen.bastion, BastionMachine) else chosen.bastion
    return document(
        Comment("The rules themselves are a table in the module's rules.tf."),
        Block(
            "module",
            "security",
            body=[
                {"source": "../modules/openstack/security", "cluster": Raw("local.cluster")},
                {"cidr": str(known.cidr), "control_plane": str(known.control_plane)},
                {
                    "api_ports": api_ports(cluster),
                    "api_allowed_cidrs": ranges(cluster.api.allowed_cidrs),
                    "api_direct": kind(cluster) != "load_balancer" or balancer != "amphora",
                },
                *([{"image_ports": ports}] if (ports := image_ports(cluster)) else ()),
                {
                    "ssh_allowed_cidrs": ranges(cluster.ssh.allowed_cidrs),
                    "bastion": bastion,
                    **({"installs_agents": True} if cluster.autoscaler and bastion == "none" else {}),
                },
                {"keeps_client_addresses": balancer == "ovn"},
                *([{"pod_ports": pods}] if pods != [{"protocol": "udp", "port": 8472}] else []),
            ],
        ),
    )


def endpoint(cluster: Cluster, servers: Sequence[Node]) -> str:
    """Return `endpoint.tf`."""
    chosen, endpoint_kind = settings(cluster), kind(cluster)
    body: list[Item] = [
        {"source": "../modules/openstack/endpoint", "cluster": Raw("local.cluster")},
        {
            "cidr": str(_network(cluster).cidr),
            "subnet_id": Raw("module.network.subnets.control_plane"),
            "external_network": Raw("module.network.external_network"),
            "router_interfaces": Raw("module.network.router_interfaces"),
        },
        {"kind": endpoint_kind, "address": str(endpoint_address(cluster)), "ports": api_ports(cluster)},
    ]
    if endpoint_kind == "virtual_ip":
        body.append({"network": Raw("module.network.network")})
    if endpoint_kind == "floating_ip":
        body.append({"public_address": Raw(f"{first_server(cluster)}.public_address")})
    if endpoint_kind == "load_balancer":
        body += [
            {"servers": {node.name: str(node.address) for node in servers}},
            {"allowed_cidrs": ranges(cluster.api.allowed_cidrs)},
        ]
        if octavia := _without_none(asdict(chosen.load_balancer)):
            body.append({"octavia": octavia})
    return document(Block("module", "endpoint", body=body))


def ingress(cluster: Cluster, balancer: LoadBalancer) -> str:
    """Return the file of one public load balancer. Its members are the current nodes of the pool."""
    pool = next(pool for pool in cluster.pools if pool.name == balancer.pool)
    nodes = f"module.{module_name(cluster, pool)}.nodes"
    body: list[Item] = [
        {"source": "../modules/openstack/ingress", "cluster": Raw("local.cluster")},
        {
            "subnet_id": Raw("module.network.subnets.agents"),
            "external_network": Raw("module.network.external_network"),
            "router_interfaces": Raw("module.network.router_interfaces"),
        },
        {
            "name": balancer.name,
            "ports": balancer.ports,
            "members": Raw(f"{{ for name, node in {nodes} : name => node.address }}"),
        },
    ]
    if octavia := _without_none(asdict(settings(cluster).load_balancer)):
        body.append({"octavia": octavia})
    return document(Block("module", f"ingress_{balancer.name}", body=body))


def kind(cluster: Cluster) -> str:
    """Return the type of the API endpoint: one of `MADE_ENDPOINTS`, or `named` for an existing one."""
    chosen = cluster.api.endpoint or "floating_ip"
    return chosen if chosen in MADE_ENDPOINTS else "named"


def first_server(cluster: Cluster) -> str:
    """Return the expression for the first server in the root."""
    return f"module.control_plane.nodes[{quote(f'{cluster.name}-{CONTROL_PLANE}-1')}]"


def _network(cluster: Cluster) -> Network:
    if cluster.network is None:
        raise ValueError(f"cluster {cluster.name} has no network")
    return cluster.network


def _without_none(values: dict[str, Value]) -> dict[str, Value]:
    return {key: value for key, value in values.items() if value is not None}
