"""Mends an invalid spec so that the rules can check the rest, and all problems are reported at once.

Values that violate the schema are removed, and missing required values are replaced by placeholders. A mended
spec is only used to find further problems; findings that may result from mending are `doubtful` and not
reported.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.spec import distributions, schemas
from kbootstrap.spec.schema_check import Problem

_LISTS_OF_MAPS = {"pools", "hosts", "volumes", "buckets", "load_balancers"}
_NUMBER = "v0.0.0"
"""The placeholder for a missing Kubernetes version."""


def without(data: dict[str, Any], problems: Iterable[Problem]) -> dict[str, Any]:
    """Return a copy without the values that have problems. Maps in lists stay, so that indexes are stable."""
    kept = copy.deepcopy(data)
    for problem in problems:
        path = problem.path
        if problem.missing is not None:
            continue
        if path and isinstance(path[-1], int):
            items = _at(kept, path[:-1])
            if path[-2] in _LISTS_OF_MAPS and isinstance(items, list):
                items[path[-1]] = {}
                continue
            path = path[:-1]
        inner = _at(kept, path[:-1])
        if path and isinstance(inner, dict):
            inner.pop(path[-1], None)
    return kept


def completed(data: dict[str, Any], problems: Iterable[Problem]) -> None:
    """Add placeholders for missing values in the clusters of `data`, or remove the enclosing values."""
    for problem in problems:
        cluster = _at(data, problem.path[:2])
        if problem.path[:1] == ("clusters",) and isinstance(cluster, dict):
            _complete(cluster, problem.path[2:], problem.missing)


def doubtful(paths: Iterable[SpecPath]) -> Iterator[tuple[str, str]]:
    """Yield each cluster and key whose absence or type may only result from problems at these paths."""
    for path in paths:
        if path[:1] != ("clusters",) or len(path) < 2:
            continue
        key = path[2] if len(path) > 2 else None
        name = str(path[1])
        if len(path) <= 3:
            yield from ((name, "network"), (name, "flavor"), (name, "hosts"))
        if key in {"control_plane", "pools"}:
            yield from ((name, "flavor"), (name, "hosts"))
        if key == "network":
            yield name, "network"
        if key in {"provider", None}:
            yield name, "provider"


def _complete(cluster: dict[str, Any], path: SpecPath, missing: str | None) -> None:
    key = path[0] if path else missing
    if key == "provider":
        # Rules depend on the provider but not on its settings; a placeholder provider is doubtful.
        if len(path) < 2:
            cluster["provider"] = {schemas.providers()[0]: {}}
    elif key == "kubernetes":
        known = cluster.get("kubernetes")
        known = known if isinstance(known, dict) else {}
        name = str(known.get("distribution"))
        traits = distributions.traits(name) if name in distributions.names() else distributions.default()
        cluster["kubernetes"] = {"version": traits.version.first(_NUMBER), **known}
    elif key == "control_plane" and len(path) < 2:
        cluster["control_plane"] = {**cluster.get("control_plane", {}), "nodes": 1}
    elif key in {"control_plane", "pools"}:
        inner = _at(cluster, path)
        if isinstance(inner, dict) and missing is not None:
            inner[missing] = _stand_in(path, missing)
    else:
        cluster.pop(str(key), None)


def _stand_in(path: SpecPath, key: str) -> object:
    own = "-".join(str(part).replace("_", "-") for part in path)
    known: dict[str, object] = {
        "nodes": 1, "size_gib": 1, "min": 1, "max": 5000,
        "name": own, "mount": f"/{own}", "address": f"{own}.invalid",
    }  # fmt: skip
    return known.get(key)


def _at(data: object, path: SpecPath) -> object:
    for part in path:
        inside = isinstance(data, dict) and part in data
        within = isinstance(data, list) and isinstance(part, int) and part < len(data)
        data = data[part] if inside or within else None  # type: ignore[index] # one of the two
    return data
