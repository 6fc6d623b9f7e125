"""Names, tags and metadata of a cluster's resources. All of them contain the names of spec and cluster.

A project may contain clusters of several teams, so no resource is identified by the cluster's name alone.
Resources of Kubernetes are named by the components that create them: `kube_service_<cluster-name>_…` by the
cloud controller (cloud-provider-openstack, pkg/util/util.go), and volumes have the metadata
`cinder.csi.openstack.org/cluster` (pkg/csi/cinder). Both components must be configured with the cluster name
`owner()` (docs/openstack/controllers.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kbootstrap.spec.model import Cluster, Spec

GROUP_MEMBERS = 10
"""Machines in one server group: Nova's default quota (`server_group_members`). Larger pools get several."""
ELASTIC_GROUP = "e"
"""Mark of the server groups of elastic machines, before their number."""
SPEC, CLUSTER = "kbootstrap.spec", "kbootstrap.cluster"
"""Keys of metadata: servers, volumes."""
CSI_CLUSTER = "cinder.csi.openstack.org/cluster"
SERVICE_ADDRESS = "Floating IP for Kubernetes external service"
"""The description of floating IPs that the cloud controller created; a user reserved all others
(cloud-provider-openstack, pkg/openstack/loadbalancer.go)."""


def owner(spec: Spec, cluster: Cluster) -> str:
    """Return the name of a cluster in the cloud: `exponent-production`."""
    return f"{spec.name}-{cluster.name}"


def metadata(spec: Spec, cluster: Cluster) -> dict[str, str]:
    """Return the metadata of servers and volumes."""
    return {SPEC: spec.name, CLUSTER: cluster.name}


def mark(spec: Spec, cluster: Cluster) -> str:
    """Return the suffix of the descriptions of networks, ports and the like (`local.mark` of the modules).

    The description is set at creation. Tags are set seconds later, and a run may be interrupted in between.
    """
    return f"kbootstrap {spec.name}/{cluster.name}"


def ours(spec: Spec, cluster: Cluster, thing: Any) -> bool:  # noqa: ANN401 - any resource of the SDK
    """Return whether a network, port, load balancer or the like belongs to this cluster."""
    tags = frozenset(f"{key}={value}" for key, value in metadata(spec, cluster).items())
    return tags <= frozenset(thing.tags or ()) or (thing.description or "").endswith(mark(spec, cluster))


def marked(spec: Spec, cluster: Cluster, found: Mapping[str, str] | None) -> bool:
    """Return whether the metadata is that of this cluster."""
    return all((found or {}).get(key) == value for key, value in metadata(spec, cluster).items())


def is_group(spec: Spec, cluster: Cluster, name: str) -> bool:
    """Return whether a server group has a name of this cluster's: `<spec>-<cluster>-<pool>-<n>`.

    Groups have no tags. For elastic machines the number begins with `e`.
    """
    pools = "|".join(re.escape(pool.born) for pool in (cluster.control_plane, *cluster.pools))
    return (
        re.fullmatch(rf"{re.escape(owner(spec, cluster))}-({pools})-{ELASTIC_GROUP}?[1-9]\d*", name)
        is not None
    )


def made_by_kubernetes(spec: Spec, cluster: Cluster, load_balancer: str) -> bool:
    """Return whether a load balancer has a name from this cluster's controller."""
    return load_balancer.startswith(f"kube_service_{owner(spec, cluster)}_")
