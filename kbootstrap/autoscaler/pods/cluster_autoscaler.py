"""The objects of Cluster Autoscaler, whose image is upstream's. Pure.

Rights and flags are those that its documentation names: "Cluster Autoscaler FAQ", the README of the provider
`externalgrpc`, the example manifests of its releases; without what belongs to other providers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kbootstrap.autoscaler.certificates import CLIENT, SERVER
from kbootstrap.autoscaler.pods import parts, yaml_text
from kbootstrap.autoscaler.pods.parts import Object, rule
from kbootstrap.autoscaler.pods.settings import CLIENT_CONFIG, CLIENT_FILE, CONFIG, TLS
from kbootstrap.distros.additions import SECRET_NAMESPACE
from kbootstrap.spec.images import AutoscalerPods
from kbootstrap.spec.model import Cluster, Pool

PRIORITIES = "cluster-autoscaler-priority-expander"
STATUS = "cluster-autoscaler-status"
_HTTP = 8085
"""The port of `/metrics` and `/health-check` (flag `--address`)."""
_FLAGS_ONLY = (1, 35)
"""From this version on, options of groups do not reach it (docs/autoscaling-server.md, "Groups")."""
_LOOK = ("get", "list", "watch")


def objects(cluster: Cluster, chosen: AutoscalerPods) -> Iterator[Object]:
    """Yield the objects."""
    yield parts.account(CLIENT)
    yield parts.role("ClusterRole", CLIENT, list(_everywhere()))
    yield parts.bound("ClusterRole", CLIENT)
    yield parts.role("Role", CLIENT, list(_in_namespace()))
    yield parts.bound("Role", CLIENT)
    if _has_priorities(cluster):
        yield parts.config_map(PRIORITIES, {"priorities": _priorities(cluster)})
    yield parts.budget(CLIENT, 1)
    yield parts.deployment(
        cluster,
        CLIENT,
        replicas=1,
        container=_container(cluster, chosen),
        volumes=[parts.config_volume(SERVER, CLIENT_FILE), parts.secret_volume(CLIENT)],
        dns="ClusterFirst",
        annotations={},
    )


def arguments(cluster: Cluster, version: str) -> list[str]:
    """Return the flags for a version of Cluster Autoscaler (`v1.33.1`)."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    number = (int(found[1]), int(found[2])) if found else (0, 0)
    idle = max(pool.autoscaling.scale_down_after for pool in cluster.pools if pool.autoscaling)
    return [
        "--cloud-provider=externalgrpc",
        f"--cloud-config={CLIENT_CONFIG}",
        f"--namespace={SECRET_NAMESPACE}",
        f"--expander={'priority,price' if _has_priorities(cluster) else 'price'}",
        # The distribution's own pods, such as metrics-server, may run on any node.
        "--skip-nodes-with-system-pods=false",
        # By default a group without nodes is known by its last one for ten years, also after new labels.
        "--node-info-cache-expire-time=1h",
        *([f"--scale-down-unneeded-time={idle}s"] if number >= _FLAGS_ONLY else []),
    ]


def _container(cluster: Cluster, chosen: AutoscalerPods) -> Object:
    return {
        "name": CLIENT,
        **parts.image(chosen.cluster_autoscaler),
        "command": ["/cluster-autoscaler"],
        "args": arguments(cluster, chosen.cluster_autoscaler.tag),
        "ports": [{"name": "http", "containerPort": _HTTP}],
        "livenessProbe": parts.probe("/health-check", _HTTP, period=10, failures=6),
        "securityContext": parts.confined(),
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
        "volumeMounts": [parts.mount("config", CONFIG), parts.mount("secret", TLS)],
    }


def _everywhere() -> Iterator[Object]:
    """Yield what it does in the cluster: it reads what the scheduler reads, marks Nodes, and evicts pods."""
    yield rule("", ["nodes"], [*_LOOK, "update", "patch"])
    yield rule("", ["pods", "services", "replicationcontrollers", "namespaces"], _LOOK)
    yield rule("", ["persistentvolumes", "persistentvolumeclaims"], _LOOK)
    yield rule("", ["pods/eviction", "events"], ["create"])
    yield rule("", ["pods/status"], ["update", "patch"])
    yield rule("", ["events"], ["patch"])
    yield rule("apps", ["daemonsets", "replicasets", "statefulsets"], _LOOK)
    yield rule("batch", ["jobs"], [*_LOOK, "patch"])
    yield rule("policy", ["poddisruptionbudgets"], _LOOK)
    yield rule(
        "storage.k8s.io",
        ["storageclasses", "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments"],
        _LOOK,
    )
    yield rule("resource.k8s.io", ["deviceclasses", "resourceclaims", "resourceslices"], _LOOK)


def _in_namespace() -> Iterator[Object]:
    """Yield what it does in its namespace: its Lease, its status, and the priorities."""
    yield rule("coordination.k8s.io", ["leases"], ["create"])
    yield rule("coordination.k8s.io", ["leases"], ["get", "update"], [CLIENT])
    yield rule("", ["configmaps"], ["create", "list", "watch"])
    yield rule("", ["configmaps"], ["get", "update", "delete"], [STATUS, PRIORITIES])


def _has_priorities(cluster: Cluster) -> bool:
    return len({pool.autoscaling.priority for pool in _scaled(cluster) if pool.autoscaling}) > 1


def _priorities(cluster: Cluster) -> str:
    """Return the groups by priority; those of the highest number win ("Priority based expander").

    A priority must be positive, and 0 is one of the spec.
    """
    found: dict[int, list[str]] = {}
    for pool in _scaled(cluster):
        if pool.autoscaling:
            found.setdefault(pool.autoscaling.priority + 1, []).append(f"^{pool.born}/.*$")
    return yaml_text.document(dict(sorted(found.items(), reverse=True)))


def _scaled(cluster: Cluster) -> list[Pool]:
    return [pool for pool in cluster.pools if pool.autoscaling]
