"""Finds the key of the spec that causes a change of an attribute; pure."""

from __future__ import annotations

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.render.traits import SpecKey
from kbootstrap.spec.model import CONTROL_PLANE
from kbootstrap.spec.source_map import SourceMap
from kbootstrap.tofu.plan import ResourceChange


def cause(change: ResourceChange, cluster: str, provider: str, source: SourceMap) -> SpecPath | None:
    """Return the cause of a change in the spec: a written key, else the location of the resource."""
    for key in change.keys:
        path = _path(key, change, cluster, provider)
        if path and source.written(path):
            return path
    return _without_a_key(change, cluster, source)


def _without_a_key(change: ResourceChange, cluster: str, source: SourceMap) -> SpecPath | None:
    """Return the location that removes a resource: the size of its pool, or the list of pools."""
    if change.kind == "delete" and (change.reason or "").startswith("delete_because"):
        fewer = (*change.spec, "nodes") if change.spec else ("clusters", cluster, "pools")
        if source.written(fewer):
            return fewer
        return change.spec or ("clusters", cluster)
    return change.spec


def _path(key: SpecKey, change: ResourceChange, cluster: str, provider: str) -> SpecPath | None:
    """Return the path of a key; None where the resource has no pool or no node."""
    here: SpecPath = ("clusters", cluster)
    match key.of:
        case "pool":
            return (*change.spec, *key.key) if change.spec else None
        case "provider":
            return (*here, "provider", provider, *key.key)
        case "subnet":
            if not change.node:
                return None
            server = change.node.startswith(f"{cluster}-{CONTROL_PLANE}-")
            return (*here, "network", "control_plane" if server else "agents")
        case "cluster":
            return (*here, *key.key)
