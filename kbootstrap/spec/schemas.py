"""The JSON Schemas as data: the spec's schema, and one per provider, by file name in `schemas/`."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any, Literal

from kbootstrap.core import resources

Json = Any
"""Any JSON value: the content of a file before validation."""
Schema = Mapping[str, Any]


@functools.cache
def spec() -> Schema:
    """Return the schema of a whole spec."""
    return _read("spec.json")


@functools.cache
def autoscaler() -> Schema:
    """Return the schema of the autoscaler server's configuration."""
    return _read("autoscaler.json")


@functools.cache
def providers() -> tuple[str, ...]:
    """Return the names of all providers that have a schema."""
    return tuple(sorted(path.stem for path in (resources.schemas() / "providers").glob("*.json")))


@functools.cache
def provider(name: str) -> Schema:
    """Return the schema of one provider's settings."""
    return _read(f"providers/{name}.json")


def trait(name: str, key: Literal["network", "flavor", "hosts"]) -> str:
    """Return whether a key is `optional`, `required` or `refused` with a provider (`x-kbootstrap`)."""
    return str(provider(name).get("x-kbootstrap", {}).get(key, "optional"))


def list_flavors(name: str) -> str | None:
    """Return the command line that lists a provider's flavors, for hints, or None."""
    found = provider(name).get("x-kbootstrap", {}).get("list_flavors")
    return str(found) if found is not None else None


def one_machine(name: str) -> bool:
    """Return whether all clusters of a provider share the operator's machine, its networks and ports."""
    return bool(provider(name).get("x-kbootstrap", {}).get("one_machine", False))


def endpoint(name: str, servers: int) -> str | None:
    """Return the default of `api.endpoint` with a provider; None: the provider decides."""
    kinds = provider(name).get("x-kbootstrap", {}).get("endpoint", {})
    found = kinds.get("one_server" if servers == 1 else "several_servers")
    return str(found) if found is not None else None


def supports(name: str) -> frozenset[str] | None:
    """Return the dotted keys below a cluster that a provider supports in addition to the common ones.

    `pools.` stands for pools and the control plane. None for a provider that is not implemented yet.
    """
    keys = provider(name).get("x-kbootstrap", {}).get("supports")
    return frozenset(keys) if keys is not None else None


def no_effect(name: str) -> Mapping[str, str]:
    """Return the keys that have no effect with a provider, dotted as in `supports`, each with the reason."""
    return dict(provider(name).get("x-kbootstrap", {}).get("no_effect", {}))


def resolve(schema: Schema, root: Schema | None = None) -> Schema:
    """Resolve `$ref` inside `root` (the spec's schema); keys beside it, such as `description`, win."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Any = spec() if root is None else root
    for part in str(reference).removeprefix("#/").split("/"):
        found = found[part]
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}


def fill(data: Json, schema: Schema, root: Schema | None = None) -> Json:
    """Return a copy of `data` in which missing keys have the defaults of the schema, at every depth."""
    schema = resolve(schema, root)
    if isinstance(data, dict):
        properties: Schema = schema.get("properties", {})
        other = schema.get("additionalProperties")
        filled = {}
        for key, value in data.items():
            inner = properties.get(key, other)
            filled[key] = fill(value, inner, root) if isinstance(inner, dict) else value
        for key, inner in properties.items():
            if key not in filled and "default" in (resolved := resolve(inner, root)):
                filled[key] = fill(resolved["default"], resolved, root)
        return filled
    if isinstance(data, list):
        items = schema.get("items", {})
        return [fill(item, items, root) for item in data]
    return data


def _read(name: str) -> Schema:
    loaded: Schema = json.loads((resources.schemas() / name).read_text("utf-8"))
    return loaded
