"""Reads objects of the Kubernetes API.

A Node's etcd membership is the condition `EtcdIsVoter`, which k3s and RKE2 update every 15 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.labels import ANNOTATION, LEAVING
from kbootstrap.spec.model import Taint

_VOTER = "EtcdIsVoter"
_NO_NETWORK = "cni plugin not initialized"
"""The end of the kubelet's message while no pod network is installed (containerd/go-cni, `errors.go`)."""


def read_node(item: Mapping[str, Any]) -> ApiNode:
    """Read a Node object."""
    meta, spec, status = item["metadata"], item.get("spec", {}), item.get("status", {})
    conditions = {c["type"]: c for c in status.get("conditions", ())}
    ready = conditions.get("Ready", {})
    voter = conditions.get(_VOTER)
    taints = spec.get("taints", ())
    return ApiNode(
        name=meta["name"],
        ready=ready.get("status") == "True",
        version=status.get("nodeInfo", {}).get("kubeletVersion", ""),
        labels=meta.get("labels", {}),
        taints=tuple(Taint(t["key"], t.get("value", ""), t["effect"]) for t in taints),
        addresses=tuple(a["address"] for a in status.get("addresses", ())),
        applied=meta.get("annotations", {}).get(ANNOTATION),
        leaving=LEAVING in meta.get("annotations", {}),
        etcd=voter["status"] == "True" if voter else None,
        resource_version=meta.get("resourceVersion", ""),
        taint_times={f"{t['key']}:{t['effect']}": t["timeAdded"] for t in taints if "timeAdded" in t},
        deleted="deletionTimestamp" in meta,
        unschedulable=spec.get("unschedulable", False),
        heartbeat=_epoch(ready.get("lastHeartbeatTime")),
        reason="" if ready.get("status") == "True" else ready.get("message", ""),
        lacks_network=ready.get("status") == "False" and _NO_NETWORK in ready.get("message", ""),
    )


def eviction_refusal(answer: Mapping[str, Any]) -> str:
    """Return why the API refuses an eviction; empty if it accepted it, or if the pod is gone."""
    if answer.get("kind") != "Status" or answer.get("code") not in (
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
    ):
        return ""
    causes = [cause.get("message", "") for cause in (answer.get("details") or {}).get("causes") or ()]
    return " ".join(filter(None, (answer.get("message", ""), *causes)))


def read_replicas(answer: Mapping[str, Any], kind: str) -> int | None:
    """Return how many pods a controller shall have; 0 for one that is gone, None for a DaemonSet."""
    if answer.get("kind") == "Status" or "deletionTimestamp" in answer.get("metadata", {}):
        return 0
    return None if kind == "DaemonSet" else int(answer.get("spec", {}).get("replicas", 1))


def _epoch(text: str | None) -> int:
    """Read a time of the API (RFC 3339); 0 where there is none."""
    return int(datetime.fromisoformat(text).timestamp()) if text else 0
