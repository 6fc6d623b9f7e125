r"""Generates HCL that `tofu fmt` leaves unchanged. Rendered roots consist of these elements.

    document(
        Comment("The agents of pool web."),
        Block(
            "module",
            "pool_web",
            body=[
                {"source": "../modules/local/nodes", "providers": Raw("{}")},
                {"nodes": {"production-web-1": {"address": "10.0.4.11", "tier": None}}},
                Block("lifecycle", body={"prevent_destroy": True}),
            ],
        ),
    )

gives

    # The agents of pool web.
    module "pool_web" {
      source    = "../modules/local/nodes"
      providers = {}

      nodes = {
        "production-web-1" = {
          address = "10.0.4.11"
          tier    = null
        }
      }

      lifecycle {
        prevent_destroy = true
      }
    }

Each mapping of a body is one group of attributes; groups and blocks are separated by a blank line. A comment
belongs to the following element. Order is preserved. Values are data: `${` and `%{` in strings are escaped;
expressions to evaluate are `Raw`.

Formatting rules: `hclwrite/format.go` of github.com/hashicorp/hcl. The equals signs of neighbouring
single-line attributes are aligned; a multi-line attribute, a comment or a blank line ends the group. String
syntax: HCL native syntax specification, "Template Expressions".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_PLAIN_KEY = re.compile(r"(?!(?:for|null|true|false)\Z)[A-Za-z_][A-Za-z0-9_]*\Z")
_WIDTH = 90
"""Columns. A longer list of plain values is written with one value per line."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A single-line HCL expression, written unchanged: `Raw("module.network.id")`."""

    text: str

    def __post_init__(self) -> None:
        if not self.text.strip() or "\n" in self.text:
            raise ValueError(f"an HCL expression must be one line: {self.text!r}")


Value: TypeAlias = "bool | int | float | str | Raw | Sequence[Value] | Mapping[str, Value] | None"
"""The value of an attribute. Mappings become objects, sequences tuples."""


@dataclass(frozen=True, slots=True)
class Comment:
    """Lines that begin with `#`; belongs to the following element."""

    text: str


class Block:
    """`kind "label" … { body }`. The body is one group of attributes, or a sequence of `Item`s."""

    __slots__ = ("body", "kind", "labels")

    def __init__(self, kind: str, *labels: str, body: Mapping[str, Value] | Sequence[Item] = ()) -> None:
        self.kind = kind
        self.labels = labels
        self.body: tuple[Item, ...] = (body,) if isinstance(body, Mapping) else tuple(body)


Item = Mapping[str, Value] | Block | Comment
"""An element of a body or a document: a group of attributes, a block, a comment."""


def document(*items: Item) -> str:
    """Return the text of a file, with a trailing newline; the empty string for no items."""
    return "".join(f"{line}\n" for line in _body(items))


def value(data: Value) -> str:
    """Return `data` as an HCL expression; a multi-line expression begins at column 0."""
    return "\n".join(_value(data))


def quote(text: str, *, ascii_only: bool = False) -> str:
    """Return `text` as a quoted HCL string that evaluates to `text`.

    HCL normalises strings to Unicode NFC. With `ascii_only` all other characters are escaped, so that one
    character takes one column.
    """
    out: list[str] = []
    for index, char in enumerate(text):
        following = text[index + 1 : index + 3]
        if char in "$%" and following[:1] == "{":
            out.append(char * 2)
        elif char in "$%" and following == f"{char}{{":
            # A `$` or `%` before an escaped one would be parsed as part of the escape.
            out.append(f"\\u{ord(char):04x}")
        elif char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif not char.isprintable() or (ascii_only and ord(char) > 126):
            out.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
        else:
            out.append(char)
    return f'"{"".join(out)}"'


def instance(address: str, key: str) -> str:
    """Return the address of one `for_each` instance: `module.pool_web` → `module.pool_web["key"]`."""
    return f"{address}[{quote(key)}]"


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _body(items: Sequence[Item]) -> list[str]:
    lines: list[str] = []
    after_comment = True
    for item in items:
        part = _item(item)
        if part and lines and not after_comment:
            lines.append("")
        lines += part
        after_comment = isinstance(item, Comment) if part else after_comment
    return lines


def _item(item: Item) -> list[str]:
    if isinstance(item, Comment):
        return [f"# {line}".rstrip() for line in item.text.splitlines()]
    if isinstance(item, Block):
        head = " ".join([_name(item.kind), *(quote(label) for label in item.labels)])
        inner = _body(item.body)
        return [f"{head} {{", *_indent(inner), "}"] if inner else [f"{head} {{}}"]
    return _pairs(item, _name)


def _name(name: str) -> str:
    if not _IDENTIFIER.match(name):
        raise ValueError(f"not an HCL identifier: {name!r}")
    return name


def _key(key: str) -> str:
    return key if _PLAIN_KEY.match(key) else quote(key, ascii_only=True)


def _pairs(pairs: Mapping[str, Value], key: Callable[[str], str]) -> list[str]:
    """Return `key = value` lines, aligned within each run of single-line attributes."""
    lines: list[str] = []
    run: list[tuple[str, str]] = []

    def flush() -> None:
        width = max((len(name) for name, _ in run), default=0)
        lines.extend(f"{name:<{width}} = {text}" for name, text in run)
        run.clear()

    for name, data in pairs.items():
        first, *rest = _value(data)
        if rest:
            flush()
            lines += [f"{key(name)} = {first}", *rest]
        else:
            run.append((key(name), first))
    flush()
    return lines


def _value(data: Value) -> list[str]:
    if isinstance(data, Mapping):
        return ["{", *_indent(_pairs(data, _key)), "}"] if data else ["{}"]
    if isinstance(data, Sequence) and not isinstance(data, str):
        return _list(data)
    return [_scalar(data)]


def _list(items: Sequence[Value]) -> list[str]:
    parts = [_value(item) for item in items]
    line = f"[{', '.join(part[0] for part in parts)}]"
    if all(len(part) == 1 for part in parts) and len(line) <= _WIDTH:
        return [line]
    inner = [line for part in parts for line in [*part[:-1], f"{part[-1]},"]]
    return ["[", *_indent(inner), "]"]


def _scalar(data: bool | float | str | Raw | None) -> str:
    match data:
        case None:
            return "null"
        case bool():
            return "true" if data else "false"
        case Raw(text):
            return text
        case str():
            return quote(data)
        case float() if not math.isfinite(data):
            raise ValueError(f"HCL has no {data}")
        case int() | float():
            return repr(data)
    raise TypeError(f"not an HCL value: {type(data).__name__}")


def _indent(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]
