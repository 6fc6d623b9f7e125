"""Shows a failure: what failed and where, the evidence, the next action, and whether anything was changed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from rich.cells import chop_cells
from rich.text import Text

from kbootstrap.core.errors import (
    ClustersFailed,
    Declined,
    Interrupted,
    KbootstrapError,
    Locked,
    SpecInvalid,
    WrongUsage,
)
from kbootstrap.views.diagnostics import (
    NOTHING_CHANGED,
    diagnostic_data,
    print_diagnostics,
    show_diagnostics,
    totals,
)
from kbootstrap.views.screen import Screen, harmless

VERSION = 1
"""Of the JSON form."""
SOME_CHANGED = "some changes were made before this; run the same command again to continue"
_BEFORE_ANYTHING = (SpecInvalid, WrongUsage, Declined, Locked)
"""Failures that come before a command does anything."""
_MOST_EVIDENCE = 40
"""Lines of a detail; the end is kept, where tools say why."""


def show_error(
    error: KbootstrapError,
    stream: TextIO,
    env: Mapping[str, str],
    *,
    log: Path | None = None,
    changed: bool | None = None,
) -> None:
    """Print a failure. `log` is the event log of the run; `changed`: the run changed something.

    With `changed` None nothing is said about it, except for failures that come before any change. The
    failures of several clusters are printed one below the other, with a summary at the end.
    """
    if isinstance(error, SpecInvalid) and error.diagnostics:
        show_diagnostics(error.diagnostics, stream, env)
        return
    screen = Screen(stream, env)
    if isinstance(error, ClustersFailed):
        _show_clusters(screen, error, log)
    else:
        _show_one(screen, error, log)
    said = changed_text(error, changed)
    if said:
        found = f"{totals(error.diagnostics)}; " if error.diagnostics else ""
        screen.line((f"{found}{said}", "bold"))


def _show_clusters(screen: Screen, error: ClustersFailed, log: Path | None) -> None:
    """Print the failure of each cluster, one that clusters share only once, and what became of all."""
    shared: dict[str, list[str]] = {}
    for cluster, failure in error.failures.items():
        shared.setdefault(json.dumps(_fields(failure)), []).append(cluster)
    last = [*shared.values()][-1]
    for clusters in shared.values():
        word = "cluster" if len(clusters) == 1 else "clusters"
        where = f"{word} {', '.join(clusters)}"
        _show_one(screen, error.failures[clusters[0]], log if clusters is last else None, where=where)
    done = f"; done: {', '.join(error.done)}" if error.done else ""
    screen.paragraph("", Text(f"{error.message}{done}", style="bold"))


def _show_one(screen: Screen, error: KbootstrapError, log: Path | None, *, where: str = "") -> None:
    print_diagnostics(screen, error.diagnostics)
    mild = isinstance(error, (Declined, Interrupted))
    style = "bold yellow" if mild else "bold red"
    code = f"[{error.code}]" if error.code else ""
    head = Text.assemble(("stopped" if mild else "error", style), (code, style), (": ", "bold"))
    screen.paragraph(head, Text(harmless(error.message), style="bold"), indent=2)
    host = error.host if error.host and error.host not in error.message else ""
    if where or host:
        screen.line(("  --> ", "cyan"), ", ".join(filter(None, (where, host))))
    if error.detail and error.detail.strip():
        _quote(screen, error.detail)
    for label, text in _next_steps(error, log):
        screen.paragraph(Text.assemble(("  = ", "cyan"), (f"{label}: ", "bold green")), text, indent=4)


def error_json(error: KbootstrapError, *, log: Path | None = None, changed: bool | None = None) -> str:
    """Return a failure as one JSON document.

    Of several clusters it is the failure of the first one that failed, and has the failures of all of them.
    """
    of_run = {"log": str(log) if log else None, "changed": _known(error, changed)}
    if isinstance(error, ClustersFailed):
        failures = [{"cluster": name, **_fields(one)} for name, one in error.failures.items()]
        fields = {**failures[0], **of_run, "failures": failures, "done": [*error.done]}
    else:
        fields = {**_fields(error), **of_run}
    kept = {name: value for name, value in fields.items() if value is not None}
    return json.dumps({"version": VERSION, "kind": "error", **kept}, ensure_ascii=False, indent=2)


def _fields(error: KbootstrapError) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "exit_code": error.exit_code,
        "type": type(error).__name__,
        "code": error.code,
        "message": error.message,
        "host": error.host,
        "detail": error.detail,
        "hint": error.hint,
        "diagnostics": [diagnostic_data(problem) for problem in error.diagnostics] or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def changed_text(error: KbootstrapError, changed: bool | None) -> str:
    """Write whether anything was changed; empty if that is not known."""
    known = _known(error, changed)
    return "" if known is None else SOME_CHANGED if known else NOTHING_CHANGED


def _known(error: KbootstrapError, changed: bool | None) -> bool | None:
    return False if changed is None and isinstance(error, _BEFORE_ANYTHING) else changed


def _next_steps(error: KbootstrapError, log: Path | None) -> list[tuple[str, str]]:
    steps = [("help", error.hint or "")]
    if error.code:
        steps.append(("more", f"kbootstrap explain {error.code}"))
    if log:
        steps.append(("log", str(log)))
    return [(label, text) for label, text in steps if text]


def _quote(screen: Screen, detail: str) -> None:
    """Print evidence with a bar in front. Long lines are wrapped on a terminal, not in a pipe."""
    lines = harmless(detail).strip("\n").expandtabs(4).splitlines()
    quote = f"  {screen.symbols.quote} "
    room = screen.width - len(quote) if screen.facts.interactive else sys.maxsize
    screen.line((quote.rstrip(), "cyan"))
    if len(lines) > _MOST_EVIDENCE:
        screen.line((quote, "cyan"), (f"({len(lines) - _MOST_EVIDENCE} lines before)", "dim"))
    for line in lines[-_MOST_EVIDENCE:]:
        for piece in chop_cells(line, room) or [""]:
            screen.line((quote if piece.strip() else quote.rstrip(), "cyan"), piece.rstrip())
    screen.line((quote.rstrip(), "cyan"))
