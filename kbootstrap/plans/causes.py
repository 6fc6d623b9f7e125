"""Finds the key of the spec that causes a change of an attribute; pure."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.spec.model import CONTROL_PLANE
from kbootstrap.spec.source_map import SourceMap
from kbootstrap.tofu.plan import ResourceChange


def cause(change: ResourceChange, cluster: str, provider: str, source: SourceMap) -> SpecPath | None:
    """Return the cause of a change in the spec: a written key, else the location of the resource."""
    for name in (*change.because, *change.changed):
        attribute = name.rpartition(".")[2]
        for path in _candidates(attribute, change, cluster, provider):
            if source.written(path):
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


def _candidates(attribute: str, change: ResourceChange, cluster: str, provider: str) -> Iterator[SpecPath]:
    here: SpecPath = ("clusters", cluster)
    if attribute.startswith("flavor") and change.spec:
        yield (*change.spec, "flavor")
    elif attribute.startswith("image"):
        yield (*here, "provider", provider, "image")
    elif attribute == "address" and change.node:
        server = change.node.startswith(f"{cluster}-{CONTROL_PLANE}-")
        yield (*here, "network", "control_plane" if server else "agents")
    elif attribute == "api_port":
        yield (*here, "provider", provider, "api_port")
    elif attribute == "allowed_cidrs":
        yield (*here, "api", "allowed_cidrs")
