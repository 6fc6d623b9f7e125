"""The document as JSON: `schemas/plan.json` describes it. Keys are added under one version, never changed."""

from __future__ import annotations

import json
from typing import Any

from kbootstrap.plans.model import DANGER, Change, ClusterEntry, NodeEntry, Place, PlanDocument
from kbootstrap.plans.words import headline, totals
from kbootstrap.views.diagnostics import diagnostic_data
from kbootstrap.views.plan_cost import cost_data, document_data, pool_data

VERSION = 1


def plan_json(document: PlanDocument) -> str:
    """Return the document on one line: `apply` writes it between events."""
    return json.dumps(data(document), ensure_ascii=False)


def data(document: PlanDocument) -> dict[str, Any]:
    """Return the document as JSON values."""
    return {
        "version": VERSION,
        "kind": "plan",
        "spec": document.spec,
        "empty": document.empty,
        "refused": document.refused,
        "headline": headline(document),
        "totals": {**_totals(document), "text": totals(document)},
        "left": list(document.left),
        **document_data(document),
        "clusters": [_cluster(cluster) for cluster in document.clusters],
    }


def _totals(document: PlanDocument) -> dict[str, int]:
    clusters = document.clusters
    kinds: dict[str, int] = {
        kind: sum(cluster.counts.get(kind, 0) for cluster in clusters) for kind in DANGER
    }
    nodes = [node for cluster in clusters for node in cluster.nodes]
    return {
        **kinds,
        "nodes": len(nodes),
        "steps": sum(len(node.steps) for node in nodes),
        "restarts": sum(1 for node in nodes if node.restarts),
        "install": sum(len(cluster.install) for cluster in clusters),
    }


def _cluster(cluster: ClusterEntry) -> dict[str, Any]:
    return {
        "cluster": cluster.cluster,
        "empty": cluster.empty,
        "refused": cluster.refused,
        "place": _place(cluster.place),
        **({"location": cluster.location} if cluster.location else {}),
        **({"pools": [pool_data(size) for size in cluster.sizes]} if cluster.sizes else {}),
        **({"cost": cost_data(cluster.cost)} if cluster.cost else {}),
        "infrastructure": {
            "changes": [_change(change) for change in cluster.changes],
            "drift": [_change(change) for change in cluster.drift],
            "outputs": list(cluster.outputs),
            "moves": [{"from": old, "to": new} for old, new in cluster.moves],
        },
        "nodes": [_node(node) for node in cluster.nodes],
        "nodes_known": cluster.nodes_known,
        "nodes_unseen": cluster.unseen,
        "initial_server": next((node.node for node in cluster.nodes if node.initial_server), None),
        "install": list(cluster.install),
        "order": {
            "leave": [list(batch) for batch in cluster.order.removed],
            "renew": [list(batch) for batch in cluster.order.replaced],
        },
        "before": {"nodes": dict(cluster.before), "kubernetes": list(cluster.versions)},
        "after": {"nodes": dict(cluster.after), "kubernetes": cluster.version},
        "diagnostics": [diagnostic_data(problem) for problem in cluster.diagnostics],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "address": change.address,
        "type": change.type,
        "kind": change.kind,
        "node": change.node,
        "machine": change.machine,
        "because": list(change.because),
        "changed": list(change.changed),
        "reason": change.reason,
        "why": change.why,
        "effects": list(change.effects),
        "spec": change.place.path if change.place else None,
        "line": str(change.place) if change.place and change.place.file else None,
    }


def _node(node: NodeEntry) -> dict[str, Any]:
    return {
        "node": node.node,
        "leaves": node.leaves,
        "restarts": list(node.restarts),
        "steps": [
            {
                "kind": step.kind,
                "title": step.title,
                "why": step.why,
                "path": step.path,
                "unit": step.unit,
                "diff": step.diff,
            }
            for step in node.steps
        ],
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    return {"spec": place.path, "file": place.file, "line": place.line} if place else None
