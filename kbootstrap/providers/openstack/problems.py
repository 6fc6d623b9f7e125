"""What the schema cannot say about a cluster's settings. Pure: nothing is asked of the cloud."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic, SpecPath
from kbootstrap.providers.openstack.settings import settings
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.rules_names import pools

LONGEST_NAME = 41
"""Characters of a spec's and a cluster's name: they stand in tags, `kbootstrap.cluster=production`, and
Neutron's tags have at most 60 (Networking API v2, "Standard attributes tag extension")."""
LAST_PORT = 2767
"""The last port of a load balancer whose node port, 30000 more, is one (Kubernetes: 30000 to 32767,
`--service-node-port-range`)."""
_ZONES = tuple(
    f"{prefix}.kubernetes.io/{name}"
    for prefix in ("topology", "failure-domain.beta")
    for name in ("region", "zone")
)
"""Labels that the cloud controller sets on every node (Kubernetes: "Cloud Controller Manager")."""
_CINDER_ZONE = "topology.cinder.csi.openstack.org/zone"
"""The label by which Cinder's driver finds nodes of a volume's zone; another value stops its registration."""
_MADE = ("mtu", "dns_servers")
"""Keys of a network that is made."""


def problems(spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
    """Return everything that does not fit together in `provider.openstack` of this cluster."""
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
            "Floating IPs and the router's gateway come from an external network, and neither "
            "`external_network` nor a profile names one.",
            "Write `external_network:` with a name that `openstack network list --external` shows.",
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
        yield _not_fitting(
            spec,
            (*base, "network"),
            f"An existing network comes with its subnets, and {_both(missing)} is missing.",
            "Name both subnets of it, or delete `network`.",
        )
    if existing.network is None:
        for name, value in subnets.items():
            if value is not None:
                yield _not_fitting(
                    spec,
                    (*base, name),
                    f"`{name}` is part of an existing network, and `network` is missing.",
                    "Name the network too, or delete the subnet.",
                )
    if existing.network is not None:
        for name in _MADE:
            if spec.source.written((*_base(cluster), name)):
                yield _not_fitting(
                    spec,
                    (*_base(cluster), name),
                    f"`{name}` is for a network that is made, and this cluster uses an existing one.",
                    "Delete the key; set it in the cloud where it belongs to that network.",
                )
    if existing.control_plane_subnet is not None and existing.control_plane_subnet == existing.agents_subnet:
        yield _not_fitting(
            spec,
            (*base, "agents_subnet"),
            "The control plane and the agents need two subnets: their firewall rules tell them apart by it.",
            "Name another subnet.",
        )


def _names(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    for name, path in ((spec.name, ("name",)), (cluster.name, ("clusters", cluster.name))):
        if len(name) > LONGEST_NAME:
            yield Diagnostic(
                "KB0352",
                f"`{name}` has {len(name)} characters. It stands in tags of networks, where there is room "
                f"for {LONGEST_NAME}.",
                "Shorten the name.",
                spec.source.key(path),
            )


def _ports(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    for index, balancer in enumerate(cluster.load_balancers):
        for place, port in enumerate(balancer.ports):
            if port > LAST_PORT:
                yield Diagnostic(
                    "KB0354",
                    f"Port p of a load balancer goes to node port 30000 + p, and {port} would be "
                    f"{30000 + port}: node ports end at 32767.",
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


def _not_fitting(spec: Spec, path: SpecPath, reason: str, help_: str) -> Diagnostic:
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
                f"{owners[key]} sets `{key}` from what the cloud says about the machine.",
                "Delete it: pods can use the value that is there. A label of your own has another domain.",
                spec.source.key((*path, "labels", key)),
            )
