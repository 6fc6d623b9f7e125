"""Our own entries as YAML text that every reader understands alike: in doubt a text is quoted as in JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

Value = str | Mapping[str, "Value"] | Sequence["Value"]
"""What an entry holds. Values that are no text (`true`, numbers) are `Plain`."""

_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9+/=_.-]*(?::[A-Za-z0-9+/=_.-]+)*")
"""Begins with a letter, so it is no number; a colon is inside a word, so it is no key."""
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""What YAML 1.1 reads as something else than a text (yaml.org/type)."""


class Plain(str):
    """A scalar as it stands in a file, unquoted."""

    __slots__ = ()


def scalar(value: str) -> str:
    """Write a text for block style, on one line."""
    if isinstance(value, Plain):
        return str(value)
    if value == "":
        return "''"
    if _SAFE.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def flow(value: Value) -> str:
    """Write a value on one line, as JSON, which is YAML too."""
    if isinstance(value, Plain):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(map(flow, value)) + "]"


def block(value: Mapping[str, Value]) -> list[str]:
    """Write a map in block style, as kubectl does; return its lines."""
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
    """Write a map as an item of a list in block style; return its lines."""
    first, *rest = block(value)
    return [f"- {first}", *(f"  {line}" for line in rest)]
