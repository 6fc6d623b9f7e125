"""Entries as YAML text that every parser reads alike: in case of doubt, a string is quoted as in JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

Value = str | Mapping[str, "Value"] | Sequence["Value"]
"""The content of an entry. Values that are not strings (`true`, numbers) are `Plain`."""

_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9+/=_.-]*(?::[A-Za-z0-9+/=_.-]+)*")
"""Begins with a letter, so it is not a number; a colon is inside a word, so it is not a key."""
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Scalars that YAML 1.1 does not read as strings (yaml.org/type)."""


class Plain(str):
    """A scalar as written in a file, unquoted."""

    __slots__ = ()


def scalar(value: str) -> str:
    """Return a string for block style, on one line."""
    if isinstance(value, Plain):
        return str(value)
    if value == "":
        return "''"
    if _SAFE.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def flow(value: Value) -> str:
    """Return a value on one line as JSON, which is also YAML."""
    if isinstance(value, Plain):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(map(flow, value)) + "]"


def block(value: Mapping[str, Value]) -> list[str]:
    """Return the lines of a map in block style, as kubectl writes it."""
    lines: list[str] = []
    for key, one in value.items():
        if isinstance(one, str):
            lines.append(f"{scalar(key)}: {scalar(one)}")
        elif isinstance(one, Mapping) and one:
            lines.append(f"{scalar(key)}:")
            lines += [f"  {line}" for line in block(one)]
        else:
            lines.append(f"{scalar(key)}: {flow(one)}")
    return lines


def item(value: Mapping[str, Value]) -> list[str]:
    """Return the lines of a map as an item of a list in block style."""
    first, *rest = block(value)
    return [f"- {first}", *(f"  {line}" for line in rest)]
