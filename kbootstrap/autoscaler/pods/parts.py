"""Parts that both Deployments have: where they run, and what they may do on their machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kbootstrap.distros.additions import AUTOSCALER_READS, READS, SECRET_NAMESPACE
from kbootstrap.spec.images import ContainerImage
from kbootstrap.spec.model import Cluster

Object = Mapping[str, Any]
USER = 65534
"""`nobody`, also of the server's image (`artifacts/source/installation.py`)."""
_AWAY = 60
"""Seconds after which a pod leaves a machine that does not answer; by default 300."""
_ROLES = (
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/etcd",
)
"""Keys of the taints with which servers are commonly kept free of workloads."""


def meta(name: str, *, namespaced: bool = True) -> dict[str, Any]:
    """Return the metadata of an object."""
    return {"name": name, **({"namespace": SECRET_NAMESPACE} if namespaced else {}), "labels": labels(name)}


def labels(name: str) -> dict[str, str]:
    """Return the labels of an object of one of the programs."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "kbootstrap"}


def selector(name: str) -> dict[str, Any]:
    """Return the selector of the pods of one of the programs."""
    return {"matchLabels": {"app.kubernetes.io/name": name}}


def deployment(
    cluster: Cluster,
    name: str,
    *,
    replicas: int,
    container: Object,
    volumes: Sequence[Object],
    dns: str,
    annotations: Mapping[str, str],
) -> Object:
    """Return a Deployment on the servers.

    A new pod starts when the old one has ended: of each program one leads, and a follower is never ready, so
    a rolling update would wait for ever.
    """
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": selector(name),
    }
    pod = {
        "serviceAccountName": name,
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"node-role.kubernetes.io/control-plane": "true"},
        "tolerations": _tolerations(cluster),
        **({"topologySpreadConstraints": [spread]} if replicas > 1 else {}),
        "dnsPolicy": dns,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes,
    }
    noted = {"annotations": annotations} if annotations else {}
    labelled = {**labels(name), READS: AUTOSCALER_READS}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(name),
        "spec": {
            "replicas": replicas,
            "strategy": {"type": "Recreate"},
            "selector": selector(name),
            "template": {"metadata": {"labels": labelled, **noted}, "spec": pod},
        },
    }


def image(chosen: ContainerImage) -> dict[str, str]:
    """Return the image of a container. One that was sent as a file is never pulled."""
    return {"image": chosen.name, "imagePullPolicy": "IfNotPresent" if chosen.file is None else "Never"}


def confined() -> Object:
    """Return the rights of a container: none ("Pod Security Standards", restricted)."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def probe(path: str, port: int, *, period: int, failures: int, timeout: int = 10) -> Object:
    """Return a probe over HTTP."""
    return {
        "httpGet": {"path": path, "port": port},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }


def secret_volume(name: str) -> Object:
    """Return the volume of a Secret that only the pod's group may read."""
    return {"name": "secret", "secret": {"secretName": name, "defaultMode": 0o440}}


def config_volume(name: str, *keys: str) -> Object:
    """Return the volume of a ConfigMap, with only these `keys` if there are any."""
    items = {"items": [{"key": key, "path": key} for key in keys]} if keys else {}
    return {"name": "config", "configMap": {"name": name, **items}}


def mount(name: str, path: str, *, writable: bool = False) -> Object:
    """Return the mount of a volume."""
    return {"name": name, "mountPath": path, **({} if writable else {"readOnly": True})}


def bound(kind: str, name: str, role: str | None = None) -> Object:
    """Return the binding of a Role or a ClusterRole to the ServiceAccount of one of the programs."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": f"{kind}Binding",
        "metadata": meta(name, namespaced=kind == "Role"),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role or name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": SECRET_NAMESPACE}],
    }


def role(kind: str, name: str, rules: Sequence[Object]) -> Object:
    """Return a Role or a ClusterRole."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": meta(name, namespaced=kind == "Role"),
        "rules": rules,
    }


def rule(group: str, resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] = ()) -> Object:
    """Return one rule of a role."""
    named = {"resourceNames": [*names]} if names else {}
    return {"apiGroups": [group], "resources": [*resources], **named, "verbs": [*verbs]}


def budget(name: str, unavailable: int | str) -> Object:
    """Return a PodDisruptionBudget."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta(name),
        "spec": {"maxUnavailable": unavailable, "selector": selector(name)},
    }


def account(name: str) -> Object:
    """Return a ServiceAccount."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(name)}


def config_map(name: str, data: Mapping[str, str]) -> Object:
    """Return a ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name), "data": dict(data)}


def _tolerations(cluster: Cluster) -> list[Object]:
    """Tolerate the taints of servers, and no others: pods must leave a machine that does not answer."""
    common = [{"key": key, "operator": "Exists"} for key in _ROLES]
    own = [
        {"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect}
        for taint in cluster.control_plane.taints
        if taint.key not in _ROLES
    ]
    away = [
        {
            "key": f"node.kubernetes.io/{state}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": _AWAY,
        }
        for state in ("not-ready", "unreachable")
    ]
    return [*common, {"key": "CriticalAddonsOnly", "operator": "Exists"}, *own, *away]
