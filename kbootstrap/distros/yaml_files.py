"""Configuration files of k3s and RKE2: flat YAML, sorted, byte-stable, with a header that identifies them.

A small emitter replaces a YAML library: the files contain only scalars and lists of strings. They are
reviewed as diffs, so their formatting must not depend on a library's version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

HEADER = "# Written by kbootstrap from the spec. Changes made here are lost at the next `kbootstrap apply`.\n"
"""First line of every file that kbootstrap writes; facts contain the content of only these files."""

Value = str | int | bool | Sequence[str]

PLAIN = r"[A-Za-z/][A-Za-z0-9_./=@+-]*(?:[:,][A-Za-z0-9_./=@+-]+)*"
"""Pattern of strings that stand without quotes, unless they are one of `WORDS` (in any case)."""
WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""Scalars that YAML 1.1 does not read as strings."""
_PLAIN = re.compile(rf"{PLAIN}|\d+\.\d+\.\d+\.\d+(?:/\d+)?")


def dump(values: Mapping[str, Value], note: str = "") -> str:
    """Return the text of a configuration file: header, `note` as a comment, keys in alphabetical order.

    Lists keep their order; an empty list is written as `[]`.
    """
    lines = [HEADER, *(f"# {line}\n" for line in note.splitlines())]
    for key in sorted(values):
        value = values[key]
        if isinstance(value, str | int):
            lines.append(f"{key}: {_scalar(value)}\n")
        elif not value:
            lines.append(f"{key}: []\n")
        else:
            lines.append(f"{key}:\n")
            lines.extend(f"  - {_scalar(item)}\n" for item in value)
    return "".join(lines)


def _scalar(value: str | int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
