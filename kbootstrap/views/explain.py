"""Shows the explanation of a spec key, or of a code."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.text import Text

from kbootstrap.views.screen import Screen
from kbootstrap.views.tables import table


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """The schema's information about one key.

    `values` are the allowed values where they are few; `keys` the keys below it: name, type, first sentence.
    `default` and `examples` are written as in a spec.
    """

    path: str
    type: str
    description: str
    required: bool = False
    default: str | None = None
    values: Sequence[str] = ()
    examples: Sequence[str] = ()
    keys: Sequence[tuple[str, str, str]] = ()


def show_code(code: str, title: str, text: str, stream: TextIO, env: Mapping[str, str]) -> None:
    """Print the explanation of a code."""
    screen = Screen(stream, env)
    screen.line((code, "bold"), (f": {title}", "bold"))
    screen.line()
    screen.paragraph("", _joined(text))


def show_key(facts: KeyFacts, stream: TextIO, env: Mapping[str, str]) -> None:
    """Print the purpose of a key, its values, and the keys below it."""
    screen = Screen(stream, env)
    screen.line((facts.path, "bold"), ("  required" if facts.required else "", "yellow"))
    screen.line()
    screen.paragraph("  ", facts.description)
    screen.line()
    rows = [
        ("type", facts.type),
        ("default", facts.default or ""),
        ("values", ", ".join(facts.values)),
        ("example" if len(facts.examples) == 1 else "examples", "\n".join(facts.examples)),
    ]
    shown = [(name, text) for name, text in rows if text]
    width = max((len(name) for name, _ in shown), default=0)
    for name, text in shown:
        screen.paragraph(Text.assemble("  ", (f"{name:<{width}}", "cyan"), "  "), text)
    if facts.keys:
        screen.line()
        screen.lines(table(screen, ["KEY", "TYPE", "WHAT FOR"], list(facts.keys), indent=2, wrap=True))


def _joined(text: str) -> str:
    """Join the lines of a paragraph, so that they wrap at this terminal's width.

    A line goes on below when the next word would not have fitted into the width that the text is written in.
    Examples (two spaces in front) and items of lists (a dash in front) begin lines of their own.
    """
    written = text.strip("\n").splitlines()
    width = max([_NARROW, *map(len, written)])
    joined = written[:1]
    for before, line in itertools.pairwise(written):
        example = before.startswith("  ") or not before.strip()
        apart = line.startswith(("  ", "- ", "* ")) or not line.strip()
        if example or apart or len(before) + 1 + len(line.split(" ", 1)[0]) <= width:
            joined.append(line)
        else:
            joined[-1] += f" {line}"
    return "\n".join(joined)


_NARROW = 80
"""Columns. No text is written narrower than this; shorter lines end where their author wanted it."""
