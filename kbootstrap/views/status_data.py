"""Status as JSON: `schemas/status.json` describes it. Keys are added under one version, never changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from kbootstrap.cluster.decide.comparison import NodeStatus
from kbootstrap.cluster.decide.last_snapshots import LastSnapshots, made
from kbootstrap.cluster.state.certificates import Certificate
from kbootstrap.cluster.state.snapshots import Snapshot
from kbootstrap.cluster.state.upkeep import Upkeep
from kbootstrap.engine.cluster_status import ClusterStatus
from kbootstrap.views.diagnostics import diagnostic_data

VERSION = 1
_DAY = 86400
"""Seconds."""


def status_json(spec: str, clusters: Sequence[ClusterStatus], now: datetime, *, lines: bool = False) -> str:
    """Return all clusters as one JSON document; with `lines` on one line, for `--watch`."""
    document = {
        "version": VERSION,
        "kind": "status",
        "spec": spec,
        "time": _time(now),
        **data(clusters),
    }
    return json.dumps(document, ensure_ascii=False, indent=None if lines else 2)


def data(clusters: Sequence[ClusterStatus]) -> dict[str, Any]:
    """Return the status as JSON values; equal as long as nothing has changed."""
    return {
        "good": all(cluster.good for cluster in clusters),
        "pending": any(cluster.pending for cluster in clusters),
        "clusters": [_cluster(cluster) for cluster in clusters],
    }


def _cluster(cluster: ClusterStatus) -> dict[str, Any]:
    silent = "; ".join(row.unreachable for row in cluster.rows if row.unreachable)
    return {
        "name": cluster.name,
        "provider": cluster.provider,
        "made": cluster.made,
        "endpoint": cluster.endpoint,
        "good": cluster.good,
        "pending": cluster.pending,
        "note": cluster.note or silent or None,
        "holder": cluster.holder,
        "nodes": [_row(row) for row in cluster.rows],
        "drift": [asdict(one) for one in cluster.drift],
        "snapshots": _snapshots(cluster.snapshots) if cluster.snapshots else None,
        "diagnostics": [diagnostic_data(problem) for problem in cluster.diagnostics],
    }


def _row(row: NodeStatus) -> dict[str, Any]:
    leaf, authority = row.leaf, row.authority
    return {
        "name": row.name,
        "role": row.role,
        "elastic": row.elastic,
        "passing": row.passing or None,
        "wanted": row.desired,
        "reachable": row.reachable,
        "unreachable": row.unreachable or None,
        "service": row.service,
        "ready": row.ready,
        "reason": row.reason or None,
        "cordoned": row.cordoned,
        "version": row.version,
        "wanted_version": row.desired_version,
        "etcd": row.etcd,
        "pending": list(row.pending),
        "drift": [asdict(one) for one in row.drift],
        "certificates": {
            "leaf": _certificate(leaf, row.time) if leaf and row.time else None,
            "authority": _certificate(authority, row.time) if authority and row.time else None,
        },
        "os": _os(row.upkeep) if row.upkeep else None,
        "good": row.good,
    }


def _os(found: Upkeep) -> dict[str, Any]:
    return {
        "reboot_required": found.reboot if found.supported else None,
        "reboot_packages": list(found.packages),
        "security_updates": None if found.updates is None else list(found.updates),
        "lists_days": None if found.updates is None else found.age // _DAY,
        "unknown": found.unread or (None if found.supported else "it has no apt-get"),
    }


def _certificate(one: Certificate, now: datetime) -> dict[str, Any]:
    return {"name": one.name, "not_after": _time(one.not_after), "days": one.days(now)}


def _snapshots(found: LastSnapshots) -> dict[str, Any]:
    return {
        "schedule": found.schedule,
        "late": list(found.late),
        "server": _snapshot(found.server),
        "bucket": _snapshot(found.bucket),
        "problem": found.problem or None,
    }


def _snapshot(one: Snapshot | None) -> dict[str, Any] | None:
    return {**asdict(one), "made": _time(made(one))} if one else None


def _time(moment: datetime) -> str:
    """Write a time (UTC) as RFC 3339, whole seconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
