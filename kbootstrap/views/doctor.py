"""Shows the checks of this machine: one line per check, with a remedy for failed ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TextIO

from rich.text import Text

from kbootstrap.providers.model import Check
from kbootstrap.views.amounts import count
from kbootstrap.views.screen import Screen, harmless

VERSION = 1
"""Of the JSON form."""


def show_checks(checks: Iterable[Check], stream: TextIO, env: Mapping[str, str]) -> None:
    """Print the checks in their order, and a summary."""
    screen = Screen(stream, env)
    all_checks = tuple(checks)
    width = max((len(check.name) for check in all_checks), default=0)
    for check in all_checks:
        sign, style = {
            True: (screen.symbols.done, "green"),
            False: (screen.symbols.failed, "bold red"),
            None: (screen.symbols.warning, "bold yellow"),
        }[check.ok]
        first = Text.assemble((f"{sign} ", style), (f"{harmless(check.name):<{width}}", "bold"), "  ")
        screen.paragraph(first, check.found)
        if check.help and check.ok is not True:
            margin = Text(" " * first.cell_len)
            screen.paragraph(Text.assemble(margin, ("help: ", "bold green")), check.help)
    bad = sum(1 for check in all_checks if check.ok is False)
    doubtful = sum(1 for check in all_checks if check.ok is None)
    screen.line()
    if bad or doubtful:
        parts = [count(bad, "problem")] if bad else []
        parts += [count(doubtful, "warning")] if doubtful else []
        screen.line((", ".join(parts), "bold"))
    else:
        screen.line(("all requirements are met", "bold"))


def checks_json(checks: Iterable[Check]) -> str:
    """Return the checks as one JSON document."""
    all_checks = tuple(checks)
    document = {
        "version": VERSION,
        "kind": "checks",
        "good": all(check.ok is not False for check in all_checks),
        "checks": [asdict(check) for check in all_checks],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)
