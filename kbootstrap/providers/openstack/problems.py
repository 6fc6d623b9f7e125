"""Validates a cluster's settings beyond the schema. Pure: sends no requests to the cloud."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.providers.openstack.settings import settings
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.rules_names import pools

LONGEST_NAME = 41
"""Maximum length of a spec's or cluster's name. It is part of tags, `kbootstrap.cluster=production`, and
Neutron's tags have at most 60 characters (Networking API v2, "Standard attributes tag extension")."""
LAST_PORT = 2767
"""The largest port of a load balancer: 30000 is added for the node port (Kubernetes: 30000 to 32767,
`--service-node-port-range`)."""
_ZONES = tuple(
    f"{prefix}.kubernetes.io/{name}"
    for prefix in ("topology", "failure-domain.beta")
    for name in ("region", "zone")
)
"""Labels that the cloud controller sets on every node (Kubernetes: "Cloud Controller Manager")."""
_CINDER_ZONE = "topology.cinder.csi.openstack.org/zone"
"""The label by which Cinder's driver finds nodes in a volume's zone; other values break its registration."""
_NEW_NETWORK_KEYS = ("mtu", "dns_servers")
"""Keys that apply only to a network that kbootstrap creates."""


def problems(spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
    """Return all contradictions in `provider.openstack` of this cluster."""
    return (
        *_external_network(spec, cluster),
        *_existing(spec, cluster),
        *_names(spec, cluster),
        *_ports(spec, cluster),
        *_labels(spec, cluster),
    )


def _external_network(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    if settings(cluster).external_network is None:
        yield Diagnostic(
            "KB0350",
            "Floating IPs and the router's gateway need an external network, and neither `external_network` "
            "nor a profile sets one.",
            "Set `external_network:` to a name from `openstack network list --external`.",
            spec.source.key(_base(cluster)),
        )


def _existing(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    existing = settings(cluster).existing
    if existing is None:
        return
    base = (*_base(cluster), "existing")
    subnets = {
        "control_plane_subnet": existing.control_plane_subnet,
        "agents_subnet": existing.agents_subnet,
    }
    missing = [name for name, value in subnets.items() if value is None]
    if existing.network is not None and missing:
        yield _contradiction(
            spec,
            (*base, "network"),
            f"An existing network needs both of its subnets, and {_both(missing)} is missing.",
            "Set both subnets, or delete `network`.",
        )
    if existing.network is None:
        for name, value in subnets.items():
            if value is not None:
                yield _contradiction(
                    spec,
                    (*base, name),
                    f"`{name}` is part of an existing network, and `network` is missing.",
                    "Set the network too, or delete the subnet.",
                )
    if existing.network is not None:
        for name in _NEW_NETWORK_KEYS:
            if spec.source.written((*_base(cluster), name)):
                yield _contradiction(
                    spec,
                    (*_base(cluster), name),
                    f"`{name}` applies only to a new network, and this cluster uses an existing one.",
                    "Delete the key; change the existing network in the cloud instead.",
                )
    if existing.control_plane_subnet is not None and existing.control_plane_subnet == existing.agents_subnet:
        yield _contradiction(
            spec,
            (*base, "agents_subnet"),
            "The control plane and the agents need different subnets, because firewall rules depend on them.",
            "Set another subnet.",
        )


def _names(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    for name, path in ((spec.name, ("name",)), (cluster.name, ("clusters", cluster.name))):
        if len(name) > LONGEST_NAME:
            yield Diagnostic(
                "KB0352",
                f"`{name}` has {len(name)} characters. It is part of network tags, which allow at most "
                f"{LONGEST_NAME}.",
                "Shorten the name.",
                spec.source.key(path),
            )


def _ports(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    for index, balancer in enumerate(cluster.load_balancers):
        for place, port in enumerate(balancer.ports):
            if port > LAST_PORT:
                yield Diagnostic(
                    "KB0354",
                    f"Port p of a load balancer uses node port 30000 + p, and {port} would be "
                    f"{30000 + port}: the largest node port is 32767.",
                    f"Choose a port up to {LAST_PORT}.",
                    spec.source.value(
                        (
                            "clusters",
                            cluster.name,
                            "ingress",
                            "load_balancers",
                            index,
                            "ports",
                            place,
                        )
                    ),
                )


def _base(cluster: Cluster) -> SpecPath:
    return ("clusters", cluster.name, "provider", "openstack")


def _both(names: list[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _contradiction(spec: Spec, path: SpecPath, reason: str, help_: str) -> Diagnostic:
    return Diagnostic("KB0351", reason, help_, spec.source.key(path))


def _labels(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Refuse labels that the cloud controller or the storage driver sets on every node."""
    own = settings(cluster)
    owners = dict.fromkeys(_ZONES, "The cloud controller") if own.cloud_controller else {}
    if own.block_storage:
        owners[_CINDER_ZONE] = "Cinder's driver"
    for pool, path in pools(cluster):
        for key in sorted(owners.keys() & pool.labels.keys()):
            yield Diagnostic(
                "KB0362",
                f"{owners[key]} sets `{key}` from the properties of the machine in the cloud.",
                "Delete it: pods can use the existing value. For your own label, use another domain.",
                spec.source.key((*path, "labels", key)),
            )
