"""Rules about addresses inside one cluster."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from kbootstrap.core.diagnostics import Diagnostic, Related, SpecPath
from kbootstrap.spec import derive, lock
from kbootstrap.spec.model import Cluster, Spec

SMALLEST_PREFIX = 27
"""The longest prefix of a subnet: 10 addresses for gateways and services, the endpoint, and 20 nodes."""


def subnets_overlap(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject overlapping subnets for the control plane and the agents: their firewall rules differ."""
    network = cluster.network
    if network is not None and network.control_plane.overlaps(network.agents):
        yield _overlap(
            spec,
            f"The agents' subnet {network.agents} and the control plane's {network.control_plane} share "
            "addresses.",
            ("clusters", cluster.name, "network", "agents"),
            ("clusters", cluster.name, "network", "control_plane"),
            "Move one of them to addresses that the other does not have.",
        )


def subnets_outside(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject a subnet outside of the network."""
    network = cluster.network
    if network is None:
        return
    base: SpecPath = ("clusters", cluster.name, "network")
    for key, subnet in (("control_plane", network.control_plane), ("agents", network.agents)):
        if not subnet.subnet_of(network.cidr):
            around = spec.source.value((*base, "cidr"))
            yield Diagnostic(
                "KB0311",
                f"{subnet} is not inside of {network.cidr}.",
                f"Choose a part of {network.cidr}, or widen `cidr`.",
                spec.source.value((*base, key)),
                related=(Related(around, "the network"),) if around else (),
            )


def control_plane_size(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject a control-plane subnet that is too small for the endpoint and all servers."""
    if cluster.network is None:
        return
    subnet = cluster.network.control_plane
    path: SpecPath = ("clusters", cluster.name, "network", "control_plane")
    if subnet.prefixlen > SMALLEST_PREFIX:
        yield _too_small(spec, path, subnet)


def agents_size(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject an agents' subnet that is too small for a block per pool."""
    if cluster.network is None:
        return
    subnet = cluster.network.agents
    path: SpecPath = ("clusters", cluster.name, "network", "agents")
    if subnet.prefixlen > SMALLEST_PREFIX:
        yield _too_small(spec, path, subnet)
        return
    room = lock.end(subnet.num_addresses) - lock.FIRST
    needed = sum(demand.addresses for demand in lock.demands(cluster))
    if needed > room:
        largest = max(range(len(cluster.pools)), key=lambda index: cluster.pools[index].capacity)
        related = spec.source.value(("clusters", cluster.name, "pools", largest))
        yield Diagnostic(
            "KB0313",
            f"The pools need {needed} addresses (each at least {lock.SMALLEST}, and at least {lock.SMALLEST} "
            f"more for nodes above `min`), and {subnet} has {room} for them.",
            f"Make the subnet a /{_prefix_for(needed)} or larger, or the pools smaller.",
            spec.source.value(path),
            related=(Related(related, "the largest pool"),) if related else (),
        )


def pods_and_services(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject overlapping addresses of pods, services and nodes."""
    base: SpecPath = ("clusters", cluster.name)
    pods, services = cluster.kubernetes.pod_cidr, cluster.kubernetes.service_cidr
    pod_path, service_path = (*base, "kubernetes", "pod_cidr"), (*base, "kubernetes", "service_cidr")
    if pods.overlaps(services):
        written = spec.source.written(service_path)
        first, second = (service_path, pod_path) if written else (pod_path, service_path)
        reason = f"The pods' {pods} and the services' {services} share addresses."
        yield _overlap(spec, reason, first, second, "Move one of them, for example to 10.44.0.0/16.")
    if cluster.network is None:
        return
    for path, cidr, name in ((pod_path, pods, "pods"), (service_path, services, "services")):
        if cidr.overlaps(cluster.network.cidr):
            network_path = (*base, "network", "cidr")
            written = spec.source.written(path)
            first, second = (path, network_path) if written else (network_path, path)
            default = "" if written else " (the default)"
            yield _overlap(
                spec,
                f"The network {cluster.network.cidr} and the addresses of {name}, {cidr}{default}, share "
                "addresses: traffic to one would go to the other.",
                first,
                second,
                f"Choose another network, or set `kubernetes.{path[-1]}`.",
            )


def pod_addresses(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject more nodes than the pods' addresses can be divided for."""
    pods = cluster.kubernetes.pod_cidr
    nodes = cluster.control_plane.capacity + sum(pool.capacity for pool in cluster.pools)
    room = 2 ** max(derive.NODE_MASK - pods.prefixlen, 0) if pods.prefixlen <= derive.NODE_MASK else 0
    if nodes > room:
        yield Diagnostic(
            "KB0313",
            f"Each node takes a /{derive.NODE_MASK} of `pod_cidr`, and {pods} has {room} of them for "
            f"{nodes} nodes.",
            "Set a larger `kubernetes.pod_cidr`; it cannot change once the cluster exists.",
            spec.source.value(("clusters", cluster.name, "kubernetes", "pod_cidr")),
        )


def _too_small(spec: Spec, path: SpecPath, subnet: IPv4Network) -> Diagnostic:
    return Diagnostic(
        "KB0312",
        f"{subnet} has {subnet.num_addresses} addresses; the first 10 are kept for gateways and services, "
        "the nodes "
        f"follow.",
        f"Write a /{SMALLEST_PREFIX} or larger; a /24 is a good choice.",
        spec.source.value(path),
    )


def _overlap(spec: Spec, reason: str, path: SpecPath, other: SpecPath, help_: str) -> Diagnostic:
    span, second = spec.source.value(path), spec.source.value(other)
    seen = second is not None and second != span and spec.source.written(other)
    related = (Related(second, "the other one"),) if second and seen else ()
    return Diagnostic("KB0310", reason, help_, span, related=related)


def _prefix_for(nodes: int) -> int:
    """Return the prefix length of the smallest agents' subnet for this number of node addresses."""
    lengths = range(SMALLEST_PREFIX, 0, -1)
    return next(length for length in lengths if lock.end(2 ** (32 - length)) - lock.FIRST >= nodes)
