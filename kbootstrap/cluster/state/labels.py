"""Computes the changes that make labels and taints of a Node match the spec; pure.

Labels given at registration have no owner afterwards, and other controllers set labels and taints of their
own. So we write down, in an annotation of the Node, which ones we set: those we may remove again, no others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.spec import system_labels
from kbootstrap.spec.model import Taint

ANNOTATION = "kbootstrap/applied"
LEAVING = "kbootstrap/leaving"
"""Annotation of a Node that was cordoned by us, because it goes. A later run that keeps it uncordons it."""


def patch(node: ApiNode, labels: Mapping[str, str], taints: Iterable[Taint]) -> dict[str, Any] | None:
    """Return a JSON merge patch for the Node; None if it matches the spec.

    The patch names the resource version that was read: when the object has changed since, the server refuses
    it and the caller reads again. A taint is known by key and effect, as Kubernetes does.
    """
    wanted = {_id(taint): taint for taint in taints}
    old_labels, old_taints = _applied(node.applied)
    label_changes: dict[str, str | None] = {
        key: value for key, value in labels.items() if node.labels.get(key) != value
    }
    label_changes |= _removals(node, old_labels.difference(labels))
    found = {_id(taint): taint for taint in node.taints}
    kept = {key: taint for key, taint in found.items() if key not in wanted and key not in old_taints}
    result = kept | wanted
    annotation = _annotation(labels, wanted)
    change: dict[str, Any] = {}
    if label_changes:
        change["labels"] = dict(sorted(label_changes.items()))
    if annotation != node.applied:
        change["annotations"] = {ANNOTATION: annotation}
    if not change and result == found:
        return None
    whole: dict[str, Any] = {"metadata": change | {"resourceVersion": node.resource_version}}
    if result != found:
        whole["spec"] = {"taints": [_json(result[key], node.taint_times) for key in sorted(result)]}
    return whole


def _removals(node: ApiNode, keys: Iterable[str]) -> dict[str, str | None]:
    """Return the patch entries that remove labels of an earlier spec.

    An earlier version accepted labels of the system. Those stay; the name of the node is restored,
    because volumes and pods are bound to it.
    """
    changes: dict[str, str | None] = {}
    for key in keys:
        if key == system_labels.HOSTNAME and node.labels.get(key) != node.name:
            changes[key] = node.name
        elif key in node.labels and key not in system_labels.LABELS:
            changes[key] = None
    return changes


def _id(taint: Taint) -> str:
    return f"{taint.key}:{taint.effect}"


def _json(taint: Taint, times: Mapping[str, str]) -> dict[str, str]:
    written = {"key": taint.key, "effect": taint.effect}
    if taint.value:
        written["value"] = taint.value
    if _id(taint) in times:
        written["timeAdded"] = times[_id(taint)]
    return written


def _annotation(labels: Iterable[str], taints: Iterable[str]) -> str | None:
    content = {"labels": sorted(labels), "taints": sorted(taints)}
    return json.dumps(content, separators=(",", ":")) if any(content.values()) else None


def _applied(annotation: str | None) -> tuple[frozenset[str], frozenset[str]]:
    """Read kbootstrap's annotation; an invalid one counts as missing."""
    try:
        content = json.loads(annotation or "{}")
        return frozenset(map(str, content.get("labels", ()))), frozenset(map(str, content.get("taints", ())))
    except (ValueError, TypeError, AttributeError):
        return frozenset(), frozenset()
