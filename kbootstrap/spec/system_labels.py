"""Node labels and taints that Kubernetes manages: setting them in a spec would break their consumers.

Sources: Kubernetes, "Well-Known Labels, Annotations and Taints"; kubelet, `updateDefaultLabels` (labels that
it writes at each registration); docs.k3s.io, "k3s server" (roles of servers).
"""

from __future__ import annotations

from collections.abc import Mapping

HOSTNAME = "kubernetes.io/hostname"
"""The node's name. Volumes of the local-path provisioner and pods with node affinity are bound to it."""
_KUBELET = "The kubelet"
_CLOUD = "The cloud controller"
_SERVER = "The server"
_NODE_CONTROLLER = "The node controller"

LABELS: Mapping[str, str] = {
    HOSTNAME: _KUBELET,
    "kubernetes.io/os": _KUBELET,
    "kubernetes.io/arch": _KUBELET,
    "beta.kubernetes.io/os": _KUBELET,
    "beta.kubernetes.io/arch": _KUBELET,
    "node.kubernetes.io/windows-build": _KUBELET,
    "node.kubernetes.io/instance-type": _CLOUD,
    "beta.kubernetes.io/instance-type": _CLOUD,
    "node-role.kubernetes.io/control-plane": _SERVER,
    "node-role.kubernetes.io/master": _SERVER,
    "node-role.kubernetes.io/etcd": _SERVER,
}
"""Label keys on every cluster, each with the component that sets it. Providers add those of their cloud."""

TAINTS: Mapping[str, str] = {
    **{
        f"node.kubernetes.io/{condition}": _NODE_CONTROLLER
        for condition in (
            "not-ready",
            "unreachable",
            "memory-pressure",
            "disk-pressure",
            "pid-pressure",
            "network-unavailable",
            "unschedulable",
        )
    },
    "node.cloudprovider.kubernetes.io/uninitialized": _CLOUD,
    "node.cloudprovider.kubernetes.io/shutdown": _CLOUD,
}
"""Taint keys that a controller adds and removes according to the node's conditions."""
