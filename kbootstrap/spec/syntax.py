"""YAML events, and diagnostics for YAML syntax errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from kbootstrap.core.diagnostics import Diagnostic, Related, Span


class YamlError(Exception):
    """An exception of ruamel.yaml, including internal errors on unusual input."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def events(text: str) -> Iterator[Any]:
    """Yield the events of a text; raises `YamlError` if it is not YAML."""
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except (
        YAMLError,
        ValueError,
        IndexError,
        KeyError,
        AttributeError,
        AssertionError,
        TypeError,
        RecursionError,
    ) as error:
        # For some invalid texts, ruamel.yaml raises exceptions of other classes.
        raise YamlError(error) from None


_Mark = Any
"""A position of ruamel.yaml, or None: `line` and `column` count from 0."""
_Words = tuple[str, str, str, str]

# ruamel's message → code, summary, reason, help. The first match is used; `context` and `problem` are joined.
_TABLE: tuple[tuple[str, _Words], ...] = (
    (
        r"character '\\t'",
        (
            "KB0105",
            "Tab in the indentation",
            "YAML indents with spaces only.",
            "Replace the tab by spaces; editors have a setting for it.",
        ),
    ),
    (
        r"character '[@`%]'",
        (
            "KB0106",
            "Text needs quotes",
            "YAML keeps this character for itself at the beginning of a value.",
            'Put the value in quotes: "…".',
        ),
    ),
    (
        r"mapping values are not allowed",
        (
            "KB0106",
            "Unexpected `:`",
            "No other `key:` is possible here: a line is indented too far, or a text with `: ` needs quotes.",
            "Give the keys of one map the same indentation; put texts with `: ` in quotes.",
        ),
    ),
    (
        r"(scanning a|found unexpected end of stream).*(quoted scalar|end of stream)",
        (
            "KB0106",
            "Quoted text is not right",
            "A quoted text ends with the same quote; in double quotes a backslash begins an escape.",
            "Close the quote; write backslashes in single quotes.",
        ),
    ),
    (
        r"parsing a flow (sequence|mapping)",
        (
            "KB0106",
            "List or map in brackets is not right",
            "Between brackets a `,` or the closing bracket was expected.",
            "Close the bracket, or put the missing comma.",
        ),
    ),
    (
        r"block (collection|mapping|sequence|end)",
        (
            "KB0106",
            "Indentation does not fit",
            "This line belongs neither to the map or list above nor to one around it.",
            "Give it the same indentation as its neighbours.",
        ),
    ),
    (
        r"could not find expected ':'",
        ("KB0106", "`:` is missing", "A key needs `: ` and a value.", "Write `key: value`."),
    ),
    (
        r"document start",
        (
            "KB0106",
            "Unexpected text",
            "The document has ended before this place.",
            "Check the brackets and the indentation above.",
        ),
    ),
)
_OTHER: _Words = (
    "KB0106",
    "Not YAML",
    "The text cannot be read as YAML here.",
    "Check brackets, quotes and indentation at this place and in the line above.",
)


def explain(error: YamlError, name: str, lines: Sequence[str]) -> Diagnostic:
    """Convert a syntax error into a diagnostic with its location."""
    cause = error.cause
    if not isinstance(cause, MarkedYAMLError):
        code, summary, reason, help_ = _OTHER
        return Diagnostic(
            code, reason, help_, Span(name, 1, 1, 1, lines[0] if lines else ""), summary=summary
        )
    said = f"{cause.context or ''} {cause.problem or ''}"
    words = next((words for pattern, words in _TABLE if re.search(pattern, said)), _OTHER)
    if (left := _conflict(name, lines)) is not None:
        return left
    code, summary, reason, help_ = words
    unclosed = "end of stream" in said and cause.context_mark is not None
    mark = cause.context_mark if unclosed else cause.problem_mark or cause.context_mark
    span = _span(mark, name, lines)
    start = _span(cause.context_mark, name, lines)
    if any(part is not None and "\u00a0" in part.text for part in (span, start)):
        help_ += " There is a no-break space (U+00A0) in the line, which YAML does not read as a space."
    related = (Related(start, "begins here"),) if span and start and start.line != span.line else ()
    return Diagnostic(code, reason, help_, span, related=related, summary=summary)


def _conflict(name: str, lines: Sequence[str]) -> Diagnostic | None:
    for row, line in enumerate(lines):
        if re.match(r"(<{7}|>{7}) ", line):
            return Diagnostic(
                "KB0106",
                "Version control has put both sides of a conflict here.",
                "Keep one side or both as you want them, and delete the lines that begin with `<<<<<<<`, "
                "`=======` and `>>>>>>>`.",
                Span(name, row + 1, 1, len(line) + 1, line),
                summary="Merge conflict left in the file",
            )
    return None


def _span(mark: _Mark, name: str, lines: Sequence[str]) -> Span | None:
    if mark is None:
        return None
    row = min(mark.line, len(lines) - 1)
    text = lines[row] if row >= 0 else ""
    column = min(mark.column, len(text)) if row == mark.line else len(text)
    return Span(name, row + 1, column + 1, column + 2, text)
