"""The explanations of `kbootstrap explain KEY`, from the schemas. Pure.

A key is written as in the file, without user-defined names: `clusters.pools.autoscaling.max`. Names and list
indexes are allowed (`clusters.production.pools[0].nodes`), and `clusters.` may be omitted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kbootstrap.spec import flaw, schema_messages, schemas
from kbootstrap.spec.schemas import Schema


@dataclass(frozen=True, slots=True)
class Explanation:
    """The schema's information about a key.

    `default` and `examples` are short YAML; `values` are the allowed values if there are few; `keys` are the
    keys inside: name, type, first sentence.
    """

    path: str
    type: str
    description: str
    required: bool
    default: str | None
    values: tuple[str, ...]
    examples: tuple[str, ...]
    keys: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class _Place:
    schema: Schema
    root: Schema
    required: bool = False


def explain_key(key: str) -> Explanation | None:
    """Explain one key; the empty key is the whole spec. None if the key does not exist."""
    parts = _parts(key)
    if parts and parts[0] in schemas.spec()["definitions"]["cluster"]["properties"]:
        parts = ["clusters", *parts]
    place = _find(parts)
    if place is None:
        return None
    schema = place.schema
    low, high = schema.get("minimum"), schema.get("maximum")
    values = tuple(str(value) for value in schema.get("enum", ()))
    return Explanation(
        path=".".join(parts),
        type=_type(schema, place.root),
        description=str(schema.get("description", "")),
        required=place.required,
        default=schema_messages.inline(schema["default"]) if "default" in schema else None,
        values=(f"{low} to {high}",) if low is not None and high is not None else values,
        examples=tuple(schema_messages.inline(example) for example in schema.get("examples", ())),
        keys=tuple(_keys(place)),
    )


def suggest(key: str) -> str | None:
    """Return the full key that is closest to an unknown key."""
    parts = _parts(key)
    if not parts:
        return None
    ends = {known.rpartition(".")[2] for known in all_keys()}
    end = parts[-1] if parts[-1] in ends else flaw.close(parts[-1], sorted(ends))
    candidates = [known for known in all_keys() if known.rpartition(".")[2] == end]
    wanted = ".".join([*parts[:-1], end or ""])
    return flaw.close(wanted, candidates) or next(iter(candidates), None)


def all_keys() -> Iterator[str]:
    """Yield all keys of the language in the order of the schema, except those of `defaults`."""
    yield from _walk((), _Place(schemas.spec(), schemas.spec()))


def _walk(parts: tuple[str, ...], place: _Place) -> Iterator[str]:
    for name, _, _ in _keys(place):
        inner = (*parts, name)
        if inner != ("defaults",):
            yield ".".join(inner)
            found = _step(place, name)
            if found is not None:
                yield from _walk(inner, found)


def _parts(key: str) -> list[str]:
    return [part for part in re.sub(r"\[\d*\]", "", key.strip()).split(".") if part]


def _find(parts: list[str]) -> _Place | None:
    place: _Place | None = _Place(schemas.spec(), schemas.spec(), required=True)
    for part in parts:
        place = _step(place, part) if place is not None else None
    return place


def _step(place: _Place, part: str) -> _Place | None:
    """Descend by one key; a user-defined name may be given or omitted."""
    inner = _inside(place)
    properties = _properties(inner)
    if part in properties:
        names = {*inner.schema.get("required", ()), *inner.schema.get("x-required", ())}
        root = properties[part][1]
        return _Place(schemas.resolve(properties[part][0], root), root, part in names)
    chosen = _named(place.schema) is not None and re.fullmatch(r"<?[a-z0-9-]+>?", part)
    if chosen and flaw.close(part, properties) is None:
        return inner
    return None


def _inside(place: _Place) -> _Place:
    """Return the place with the properties below a key: a list's items, the values of a map of names."""
    schema = place.schema
    below = schema.get("items") or _named(schema)
    return _Place(schemas.resolve(below, place.root), place.root) if below else place


def _named(schema: Schema) -> Schema | None:
    other = schema.get("additionalProperties")
    return other if isinstance(other, Mapping) and "$ref" in other else None


def _properties(place: _Place) -> dict[str, tuple[Schema, Schema]]:
    if place.schema.get("x-value") == "a provider's name":
        return {name: (schemas.provider(name), schemas.provider(name)) for name in schemas.providers()}
    options = [place.schema, *place.schema.get("anyOf", ())]
    return {
        name: (schema, place.root)
        for option in options
        for name, schema in schemas.resolve(option, place.root).get("properties", {}).items()
    }


def _keys(place: _Place) -> Iterator[tuple[str, str, str]]:
    for name, (schema, root) in _properties(_inside(place)).items():
        resolved = schemas.resolve(schema, root)
        summary = str(resolved.get("description", "")).split(". ", maxsplit=1)[0].rstrip(".") + "."
        yield name, _type(resolved, root), summary


def _type(schema: Schema, root: Schema) -> str:
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_plural(schemas.resolve(schema['items'], root))}"
    if "anyOf" in schema:
        options = [schemas.resolve(option, root) for option in schema["anyOf"]]
        return " or ".join(schema_messages.type_name(str(option.get("type"))) for option in options)
    if kind == "object" and schema.get("x-value") and not schema.get("properties"):
        return f"map, each key {schema['x-value']}"
    return schema_messages.type_name(str(kind)).removeprefix("a ")


def _plural(schema: Schema) -> str:
    names = {"object": "maps", "string": "strings", "integer": "whole numbers"}
    return names.get(str(schema.get("type")), "strings or maps")
