"""Shows problems in the user's input: location, line, reason and remedy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from rich.text import Text

from kbootstrap.core.diagnostics import Diagnostic, Severity, Span, errors
from kbootstrap.views.amounts import count
from kbootstrap.views.screen import Screen, harmless
from kbootstrap.views.snippet import marker_lines, window

VERSION = 1
"""Of the JSON form."""
MOST = 50
"""Problems shown in full; more would hide the first one, which is usually the cause."""

NOTHING_CHANGED = "nothing was changed"
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow"}
_GUTTER = "cyan"
_Place = tuple[Span, str, bool]
"""A place, its label, and whether it is the problem's own and not a related one."""


def show_diagnostics(
    diagnostics: Iterable[Diagnostic],
    stream: TextIO,
    env: Mapping[str, str],
    *,
    changed: str | None = NOTHING_CHANGED,
) -> None:
    """Print all problems and their number; `changed` is appended to it (None: omitted)."""
    screen = Screen(stream, env)
    problems = tuple(diagnostics)
    print_diagnostics(screen, problems)
    if problems:
        screen.line(Text(totals(problems), style="bold"), f"; {changed}" if changed else "")


def print_diagnostics(screen: Screen, problems: Sequence[Diagnostic]) -> None:
    """Print problems, each followed by an empty line."""
    for problem in problems[:MOST]:
        _print_one(screen, problem)
        screen.line()
    if len(problems) > MOST:
        screen.line(f"and {len(problems) - MOST} more; fix these first", "\n")


def totals(problems: Sequence[Diagnostic]) -> str:
    """Write the number of problems: `3 errors, 1 warning`."""
    bad = len(errors(problems))
    mild = len(problems) - bad
    parts = [count(bad, "error")] if bad or not mild else []
    return ", ".join([*parts, count(mild, "warning")] if mild else parts)


def diagnostics_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return all problems as one JSON document."""
    problems = tuple(diagnostics)
    bad = len(errors(problems))
    document = {
        "version": VERSION,
        "kind": "diagnostics",
        "errors": bad,
        "warnings": len(problems) - bad,
        "diagnostics": [diagnostic_data(problem) for problem in problems],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def diagnostic_data(problem: Diagnostic) -> dict[str, Any]:
    """Return one problem as JSON values; empty fields are omitted."""
    fields: dict[str, Any] = {
        "severity": str(problem.severity),
        "code": problem.code,
        "summary": problem.summary,
        "reason": problem.reason,
        "help": problem.help,
        "span": _span_data(problem.span) if problem.span else None,
        "label": problem.label,
        "related": [{"label": place.label, **_span_data(place.span)} for place in problem.related],
    }
    return {name: value for name, value in fields.items() if value}


def _span_data(span: Span) -> dict[str, Any]:
    return {"path": span.path, "line": span.line, "column": span.column, "end_column": span.end_column}


def _print_one(screen: Screen, problem: Diagnostic) -> None:
    style = _STYLES[problem.severity]
    code = f"[{problem.code}]" if problem.code else ""
    head = Text.assemble((f"{problem.severity}{code}", style), (": ", "bold"))
    screen.paragraph(head, Text(harmless(problem.summary), style="bold"), indent=2)
    places: list[_Place] = [(problem.span, problem.label, True)] if problem.span else []
    places += [(place.span, place.label, False) for place in problem.related]
    gutter = max((len(str(span.line)) for span, _, _ in places), default=0)
    for index, path in enumerate(dict.fromkeys(span.path for span, _, _ in places)):
        here = sorted((p for p in places if p[0].path == path), key=lambda p: (p[0].line, p[0].column))
        first = next((p for p in here if p[2]), here[0])[0]
        arrow = "-->" if index == 0 else ":::"
        screen.line((" " * gutter), (f"{arrow} ", _GUTTER), harmless(str(first)))
        _print_lines(screen, here, gutter, style)
    pad = " " * gutter
    for label, text in (("", problem.reason), ("help: ", problem.help)):
        if text:
            equals = Text.assemble(pad, (" = ", _GUTTER), (label, "bold green"))
            screen.paragraph(equals, text, indent=gutter + 3)


def _print_lines(screen: Screen, places: Sequence[_Place], gutter: int, style: str) -> None:
    """Print the lines of one file, from top to bottom, with a marker for each location."""
    bar = Text.assemble(" " * (gutter + 1), ("|", _GUTTER))
    room = screen.width - gutter - 3
    lines: dict[int, list[_Place]] = {}
    for place in places:
        if place[0].text.strip():
            lines.setdefault(place[0].line, []).append(place)
    last = 0
    for number, here in lines.items():
        if last == 0:
            screen.line(bar)
        elif number > last + 1:
            screen.line(("...", _GUTTER))
        focus = next((place for place in here if place[2]), here[0])[0]
        view = window(focus.text, focus.column, focus.end_column, room, screen.symbols)
        screen.line((f"{number:>{gutter}} | ", _GUTTER), view.text)
        for span, label, primary in here:
            sign, colour = ("^", style) if primary else ("-", _GUTTER)
            start, length = view.place(span.column, span.end_column)
            for line in marker_lines(start, length, label, style=colour, sign=sign, room=room):
                screen.line(bar, " ", line)
        last = number
    if last:
        screen.line(bar)
