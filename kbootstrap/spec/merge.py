"""Merges `defaults:` into clusters, and converts the node tree into plain data with a `SourceMap`."""

from __future__ import annotations

from kbootstrap.core.diagnostics import Span, SpecPath
from kbootstrap.spec.schemas import Json
from kbootstrap.spec.source_map import SourceMap
from kbootstrap.spec.tree import Entry, Items, Map, Node, Scalar, map_of

_REFERENCE = {"env", "file"}


def with_defaults(root: Map) -> Map:
    """Return the document with `defaults:` merged into every cluster; `defaults` itself is kept."""
    defaults, clusters = root.entries.get("defaults"), root.entries.get("clusters")
    if defaults is None or clusters is None:
        return root
    base, inner = defaults.value, clusters.value
    if not isinstance(base, Map) or not isinstance(inner, Map):
        return root
    merged = {
        name: Entry(entry.key, merge(base, entry.value) if isinstance(entry.value, Map) else entry.value)
        for name, entry in inner.entries.items()
    }
    return map_of({**root.entries, "clusters": Entry(clusters.key, map_of(merged, inner.span))}, root.span)


def merge(base: Map, over: Map) -> Map:
    """Merge two maps: maps key by key, everything else is replaced, null removes the default.

    Maps with one choice (`provider`, `{env:}` or `{file:}`) are replaced if the choice differs.
    """
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        default = base.entries.get(key)
        if default is None:
            entries[key] = entry
        elif isinstance(entry.value, Scalar) and entry.value.value is None:
            del entries[key]
        elif isinstance(default.value, Map) and isinstance(entry.value, Map):
            other = _is_other_choice(key, default.value, entry.value)
            entries[key] = entry if other else Entry(entry.key, merge(default.value, entry.value))
        else:
            entries[key] = entry
    return map_of(entries, over.span)


def _is_other_choice(key: str, base: Map, over: Map) -> bool:
    if not over.entries or base.entries.keys() == over.entries.keys():
        return False
    if key in {"provider", "image"}:
        return True
    return base.entries.keys() <= _REFERENCE and over.entries.keys() <= _REFERENCE


def flatten(root: Node) -> tuple[Json, SourceMap]:
    """Return the plain data of a tree, and the location of each value and key."""
    keys: dict[SpecPath, Span] = {}
    values: dict[SpecPath, Span] = {}

    def plain(node: Node, path: SpecPath) -> Json:
        values[path] = node.span
        if isinstance(node, Scalar):
            return node.value
        if isinstance(node, Items):
            return [plain(item, (*path, index)) for index, item in enumerate(node.items)]
        found = {}
        for key, entry in node.entries.items():
            inner = (*path, key)
            keys[inner] = entry.key
            found[key] = plain(entry.value, inner)
        return found

    data = plain(root, ())
    return data, SourceMap(keys, values)
