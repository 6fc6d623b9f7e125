"""Names in the cloud: everything of a cluster is called after its spec and itself, and carries both as marks.

A project may hold many clusters, also of other people, so nothing is ever found by the cluster's name alone.
Kubernetes' own resources are named by the programs that make them: `kube_service_<cluster-name>_…` by the
cloud controller (cloud-provider-openstack, pkg/util/util.go), volumes carry
`cinder.csi.openstack.org/cluster` (pkg/csi/cinder). Whoever installs them gives both the name
`owner()` (docs/openstack.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kbootstrap.spec.model import Cluster, Spec

GROUP_MEMBERS = 10
"""Machines in one server group: Nova's default quota (`server_group_members`). Larger pools get several."""
SPEC, CLUSTER = "kbootstrap.spec", "kbootstrap.cluster"
"""Keys of metadata: servers, volumes."""
CSI_CLUSTER = "cinder.csi.openstack.org/cluster"
SERVICE_ADDRESS = "Floating IP for Kubernetes external service"
"""How the cloud controller describes a floating IP that it made; one without it was reserved by somebody
(cloud-provider-openstack, pkg/openstack/loadbalancer.go)."""


def owner(spec: Spec, cluster: Cluster) -> str:
    """Return the name that a cluster has in the cloud: `exponent-production`."""
    return f"{spec.name}-{cluster.name}"


def metadata(spec: Spec, cluster: Cluster) -> dict[str, str]:
    """Return the marks of servers and volumes."""
    return {SPEC: spec.name, CLUSTER: cluster.name}


def mark(spec: Spec, cluster: Cluster) -> str:
    """Return what descriptions of networks, ports and the like end with (`local.mark` of the modules).

    They have it from the first moment. Tags come seconds later, and a run may be cut between the two.
    """
    return f"kbootstrap {spec.name}/{cluster.name}"


def ours(spec: Spec, cluster: Cluster, thing: Any) -> bool:  # noqa: ANN401 - any resource of the SDK
    """Return whether a network, port, load balancer or the like is this cluster's."""
    tags = frozenset(f"{key}={value}" for key, value in metadata(spec, cluster).items())
    return tags <= frozenset(thing.tags or ()) or (thing.description or "").endswith(mark(spec, cluster))


def marked(spec: Spec, cluster: Cluster, found: Mapping[str, str] | None) -> bool:
    """Return whether metadata are those of this cluster."""
    return all((found or {}).get(key) == value for key, value in metadata(spec, cluster).items())


def group_names(spec: Spec, cluster: Cluster) -> frozenset[str]:
    """Return the names of its server groups, which carry no marks: `<spec>-<cluster>-<pool>-<n>`."""
    pools = (cluster.control_plane, *cluster.pools)
    return frozenset(
        f"{owner(spec, cluster)}-{pool.born}-{number}"
        for pool in pools
        for number in range(1, pool.capacity // GROUP_MEMBERS + 2)
    )


def made_by_kubernetes(spec: Spec, cluster: Cluster, load_balancer: str) -> bool:
    """Return whether a load balancer's name is one that this cluster's controller gives."""
    return load_balancer.startswith(f"kube_service_{owner(spec, cluster)}_")
