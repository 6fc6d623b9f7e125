"""Diagnostics: problems in the user's input as data. Packages create them, `views/` displays them.

Wording: `summary` names the problem in a few fixed words; `reason` explains it with the actual values; `help`
gives the correction. No full stop after `summary`; full sentences in the others.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from kbootstrap.core.codes import title

SpecPath = tuple[str | int, ...]
"""A path in the resolved spec: `("clusters", "production", "pools", 0, "nodes")`. List items by index."""


def show_path(path: SpecPath) -> str:
    """Return a spec path in dotted notation: `clusters.production.pools[0].nodes`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class Severity(enum.StrEnum):
    """The severity of a problem. Errors stop the command, warnings do not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Span:
    """A range within one line of a text file: lines and columns count from 1; `end_column` is exclusive.

    `text` is the whole line, for the snippet. A multi-line range is truncated at the end of its first line.
    """

    path: str
    line: int
    column: int
    end_column: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Related:
    """A second location related to a problem, with a short label."""

    span: Span
    label: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: `code` is stable (`KBnnnn`, explained by `kbootstrap explain`); `span` is its location.

    `span` is None only where no line exists (a missing file, a provider error that cannot be traced).
    `label` is a short text under the snippet's marker. `summary` is the code's title, unless a more specific
    one is given.
    """

    code: str
    reason: str
    help: str = ""
    span: Span | None = None
    label: str = ""
    related: tuple[Related, ...] = ()
    severity: Severity = Severity.ERROR
    summary: str = ""

    def __post_init__(self) -> None:
        if not self.summary:
            object.__setattr__(self, "summary", title(self.code))


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sort by location in the file, then by code, and remove exact duplicates."""

    def key(diagnostic: Diagnostic) -> tuple[str, int, int, str]:
        span = diagnostic.span
        return (span.path, span.line, span.column, diagnostic.code) if span else ("", 0, 0, diagnostic.code)

    return tuple(sorted(dict.fromkeys(diagnostics), key=key))


def errors(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the diagnostics that stop a command."""
    return tuple(d for d in diagnostics if d.severity is Severity.ERROR)
