"""The Kubernetes API of a simulated fleet, in JSON, behind the real client (`cluster/api/http.py`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.fleet import clock
from tests.fleet.machines import Cluster, Node, Pod
from tests.fleet.world import World


def reads(verb: str) -> bool:
    return verb == "GET"


def ask(  # noqa: PLR0911 - a table of requests
    world: World,
    verb: str,
    path: str,
    body: Mapping[str, Any] | None,
    params: Mapping[str, str],
    address: str,
) -> dict[str, Any] | None:
    """Answer a request at an address; None where no API answers. A refusal is an object of kind `Status`."""
    cluster = world.answering(address)
    if cluster is None:
        return None
    world.schedule()
    if path == "/api/v1/nodes":
        return {"items": [_node(world, node) for node in cluster.nodes.values()]}
    if path == "/api/v1/pods":
        wanted = params.get("fieldSelector", "").removeprefix("spec.nodeName=")
        pods = [pod for pod in cluster.pods.values() if wanted in ("", pod.node)]
        return {"items": [_pod(world, cluster, pod) for pod in pods]}
    if found := re.fullmatch(r"/apis/apps/v1/namespaces/default/(stateful|daemon)sets/(\S+)", path):
        own = [pod for pod in cluster.pods.values() if pod.owner == found[2]]
        return {"metadata": {}, "spec": {"replicas": len(own)} if found[1] == "stateful" else {}}
    if found := re.fullmatch(r"/api/v1/namespaces/kube-system/configmaps/?(\S*)", path):
        return _config(cluster, found[1], verb, body or {})
    if path == "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases":
        return {"items": []}
    if found := re.fullmatch(r"/api/v1/nodes/(\S+)", path):
        return _change(world, cluster, found[1], verb, body or {})
    if found := re.fullmatch(r"/api/v1/namespaces/kube-system/secrets/(\S+)", path):
        return {} if cluster.secrets.pop(found[1], None) else _status(404)
    if found := re.fullmatch(r"/api/v1/namespaces/default/pods/(\S+)/eviction", path):
        pod = cluster.pods.pop(found[1], None)
        if pod is None:
            return _status(404)
        world.make_pod(cluster, pod.owner)
        world.schedule()
        return {}
    raise AssertionError(f"the API of the fleet does not know {verb} {path}")


def _status(code: int) -> dict[str, Any]:
    return {"kind": "Status", "code": code}


def _change(world: World, cluster: Cluster, name: str, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
    node = cluster.nodes.get(name)
    if node is None:
        return _status(404)
    if verb == "GET":
        return _node(world, node)
    if verb == "DELETE":
        world.delete_node(cluster, name)
        return {}
    meta, spec = body.get("metadata", {}), body.get("spec", {})
    if meta.get("resourceVersion", str(node.revision)) != str(node.revision):
        return _status(409)
    node.labels = _merged(node.labels, meta.get("labels", {}))
    node.annotations = _merged(node.annotations, meta.get("annotations", {}))
    node.taints = spec.get("taints", node.taints)
    if "unschedulable" in spec:
        node.unschedulable = bool(spec["unschedulable"])
    node.revision += 1
    world.schedule()
    return _node(world, node)


def _config(cluster: Cluster, name: str, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
    if verb == "POST":
        cluster.configs[body["metadata"]["name"]] = dict(body["data"])
    elif name not in cluster.configs:
        return _status(404)
    else:
        cluster.configs[name] = _merged(cluster.configs[name], body.get("data", {}))
    name = name or body["metadata"]["name"]
    return {"metadata": {"name": name}, "data": dict(cluster.configs[name])}


def _merged(old: Mapping[str, str], new: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in {**old, **new}.items() if value is not None}


def _node(world: World, node: Node) -> dict[str, Any]:
    world.refresh(node)
    conditions = [
        {
            "type": "Ready",
            "status": "True" if node.ready else "Unknown",
            "message": "" if node.ready else "Kubelet stopped posting node status.",
            "lastHeartbeatTime": datetime.fromtimestamp(int(clock.EPOCH + node.beat), UTC).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            ),
        }
    ]
    if node.voter is not None:
        conditions.append({"type": "EtcdIsVoter", "status": "True" if node.voter else "False"})
    return {
        "metadata": {
            "name": node.name,
            "labels": dict(node.labels),
            "annotations": dict(node.annotations),
            "resourceVersion": str(node.revision),
            **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if node.deleting else {}),
        },
        "spec": {"taints": list(node.taints), **({"unschedulable": True} if node.unschedulable else {})},
        "status": {"nodeInfo": {"kubeletVersion": node.version}, "conditions": conditions, "addresses": []},
    }


def _pod(world: World, cluster: Cluster, pod: Pod) -> dict[str, Any]:
    kind = "DaemonSet" if pod.daemon else "StatefulSet"
    return {
        "metadata": {
            "name": pod.name,
            "namespace": "default",
            "ownerReferences": [{"kind": kind, "name": pod.owner, "controller": True}],
        },
        "spec": {"nodeName": pod.node},
        "status": {
            "conditions": [{"type": "Ready", "status": "True" if world.pod_ready(cluster, pod) else "False"}]
        },
    }
