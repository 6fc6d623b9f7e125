"""Clusters made by hand, for tests of the rooms that take them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from kbootstrap.spec import distributions
from kbootstrap.spec.model import (
    CONTROL_PLANE,
    ApiSettings,
    Artifacts,
    Cluster,
    Kubernetes,
    Network,
    Node,
    Pool,
    ProviderSpec,
    SshSettings,
    Taint,
)


def pool(name: str, nodes: int = 1, *, taints: tuple[Taint, ...] = ()) -> Pool:
    return Pool(
        name=name,
        nodes=nodes,
        autoscaling=None,
        flavor=None,
        labels={},
        taints=taints,
        max_unavailable=1,
        anti_affinity="none",
        volumes=(),
        hosts=(),
    )


def cluster(
    name: str = "local",
    *,
    distribution: Literal["k3s", "rke2"] = "k3s",
    version: str = "v1.32.0+k3s1",
    profile: Literal["cis"] | None = None,
    cni: str | None = None,
    ingress_controller: str | None = None,
    servers: int = 1,
    agents: int = 1,
) -> Cluster:
    return Cluster(
        name=name,
        provider=ProviderSpec("local", {}),
        kubernetes=Kubernetes(
            distribution=distribution,
            version=version,
            secrets_encryption=True,
            profile=profile,
            disable=distributions.traits(distribution).disable,
            cni=cni,
            ingress_controller=ingress_controller,
            pod_cidr=IPv4Network("10.42.0.0/16"),
            service_cidr=IPv4Network("10.43.0.0/16"),
        ),
        network=Network(IPv4Network("10.9.0.0/16"), IPv4Network("10.9.0.0/24"), IPv4Network("10.9.4.0/22")),
        api=ApiSettings(None, ()),
        control_plane=pool(CONTROL_PLANE, servers),
        pools=(pool("default", agents),) if agents else (),
        ssh=SshSettings(None, None, (), ()),
        artifacts=Artifacts(None),
        snapshots=None,
        load_balancers=(),
        pod_isolation="none",
        buckets=(),
    )


def node(
    ordinal: int = 1,
    role: Literal["server", "agent"] = "server",
    *,
    of: str = "local",
    labels: dict[str, str] | None = None,
    taints: tuple[Taint, ...] = (),
) -> Node:
    kind = CONTROL_PLANE if role == "server" else "default"
    return Node(
        name=f"{of}-{kind}-{ordinal}",
        role=role,
        pool=kind,
        ordinal=ordinal,
        address=IPv4Address(f"10.9.{0 if role == 'server' else 4}.{10 + ordinal}"),
        labels=labels or {},
        taints=taints,
    )


def nodes(servers: int = 1, agents: int = 1) -> tuple[Node, ...]:
    return tuple(node(i + 1) for i in range(servers)) + tuple(node(i + 1, "agent") for i in range(agents))
