"""Objects of Kubernetes as YAML for reviewers: block style, in the order of their keys, byte-stable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kbootstrap.distros.yaml_files import PLAIN, WORDS

_PLAIN = re.compile(PLAIN)
_WORD, _LINE = re.compile(r"[A-Za-z0-9_./=@+-]*"), 80


def documents(objects: Iterable[Mapping[str, Any]]) -> str:
    """Return the text of a file with several objects."""
    return "---\n".join(document(one) for one in objects)


def document(value: Mapping[Any, Any]) -> str:
    """Return the text of a map of JSON values; strings may have several lines, keys may be numbers."""
    return "".join(f"{line}\n" for line in _map(value))


def _map(value: Mapping[Any, Any]) -> list[str]:
    lines: list[str] = []
    for key, one in value.items():
        name = _scalar(key)
        if isinstance(one, str) and _is_block(one):
            lines += [f"{name}: |", *_indented(one.removesuffix("\n").split("\n"))]
        elif isinstance(one, Mapping) and one:
            lines += [f"{name}:", *_indented(_map(one))]
        elif isinstance(one, Sequence) and not isinstance(one, str) and one and not _is_short(one):
            lines += [f"{name}:", *(line for item in one for line in _item(item))]
        else:
            lines.append(f"{name}: {_scalar(one)}")
    return lines


def _is_short(items: Sequence[Any]) -> bool:
    """Return whether a list stands on one line: some words."""
    words = all(isinstance(one, str) and _WORD.fullmatch(one) for one in items)
    return words and sum(map(len, items)) < _LINE


def _item(value: Any) -> list[str]:  # noqa: ANN401 - a JSON value
    if isinstance(value, Mapping) and value:
        first, *rest = _map(value)
        return [f"  - {first}", *(f"    {line}" if line else "" for line in rest)]
    return [f"  - {_scalar(value)}"]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]


def _is_block(text: str) -> bool:
    """Return whether a string can stand as lines: they keep every character."""
    lines = text.split("\n")
    return (
        len(lines) > 1
        and lines[-1] == ""
        and lines[-2] != ""
        and not text.startswith((" ", "\n"))
        and all(line.isprintable() and line == line.rstrip() for line in lines)
    )


def _scalar(value: Any) -> str:  # noqa: ANN401 - a JSON value
    if isinstance(value, list | tuple) and value:
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
