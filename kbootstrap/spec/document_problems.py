"""Problems of a YAML document other than its syntax: anchors, tags, keys, and limits of size."""

from __future__ import annotations

from collections.abc import Iterable

from kbootstrap.core.diagnostics import Diagnostic, Related, Span
from kbootstrap.spec.tree import Node, Scalar

DEPTH = 40
"""Maximum nesting depth; the spec language needs 8."""
VALUES = 100_000
"""Maximum number of values with aliases expanded; a spec of 5,000 lines has about 15,000."""


class StopReading(Exception):
    """Parsing cannot continue; contains the reason."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


def _stop(code: str, reason: str, help_: str, span: Span, *more: Related, summary: str = "") -> StopReading:
    return StopReading(Diagnostic(code, reason, help_, span, related=more, summary=summary))


def several_documents(span: Span) -> StopReading:
    """Return the error for the beginning of a second document."""
    return _stop(
        "KB0108",
        "A spec is one YAML document, and here a second one begins.",
        "Delete the `---`, or put the second document into its own file.",
        span,
    )


def too_deep(span: Span) -> StopReading:
    """Return the error for a value that is nested more than `DEPTH` levels deep."""
    return _stop(
        "KB0110",
        f"Maps and lists are nested more than {DEPTH} levels deep here.",
        "Look for brackets that are not closed, or for wrong indentation.",
        span,
        summary="Too deeply nested",
    )


def too_many(span: Span) -> StopReading:
    """Return the error for a document, or a part of it, with more than `VALUES` values."""
    return _stop(
        "KB0110",
        f"With its aliases followed, this holds more than {VALUES:,} values.",
        "Check the anchors and aliases (`&name`, `*name`) in it, or divide the spec.",
        span,
        summary="Too many values",
    )


def unknown_anchor(anchor: str, known: Iterable[str], span: Span) -> StopReading:
    """Return the error for an alias without an anchor; `known` are the anchors above it."""
    names = ", ".join(known)
    has = f"It has: {names}. " if names else ""
    return _stop(
        "KB0109",
        f"`*{anchor}` refers to an anchor that is not defined above it.",
        f"{has}An anchor is `&{anchor}` before a value; a string that begins with `*` needs quotes.",
        span,
        summary="Unknown anchor",
    )


def anchor_inside_itself(anchor: str, span: Span, opened: Span) -> StopReading:
    """Return the error for an alias inside the value of its own anchor, which is at `opened`."""
    return _stop(
        "KB0109",
        f"`*{anchor}` refers to the value that it is a part of, which would never end.",
        "Refer to another anchor, or write the value out.",
        span,
        Related(opened, "the anchor"),
        summary="Anchor inside itself",
    )


def bad_tag(tag: str, span: Span) -> StopReading:
    """Return the error for a tag that is unknown, or that does not fit its value."""
    return _stop(
        "KB0112",
        f"The tag `{tag[:60]}` is unknown here or does not fit its value; a spec is plain data.",
        "Delete the tag; put quotes around a string that begins with `!`.",
        span,
    )


def key_not_string(key: Node) -> Diagnostic:
    """Return the problem of a key that YAML does not read as a string."""
    written = key.span.text[key.span.column - 1 : key.span.end_column - 1]
    return Diagnostic(
        "KB0111",
        "YAML reads this key as a number, true, false, null, a list or a map; keys of a spec are strings.",
        f'Write it in quotes: "{written}".' if isinstance(key, Scalar) and written else "Write a name.",
        key.span,
    )


def duplicate_key(key: str, span: Span, first: Span) -> Diagnostic:
    """Return the problem of a key that a map has twice."""
    return Diagnostic(
        "KB0107",
        f"`{key}` appears twice in the same map, and only one of the two values could count.",
        "Delete one of them, or merge the two values into one.",
        span,
        "again here",
        (Related(first, "first here"),),
    )


def merge_needs_map(span: Span) -> Diagnostic:
    """Return the problem of a merge key (`<<`) whose value is no map."""
    return Diagnostic(
        "KB0113",
        "`<<` puts the entries of another map here; this is something else.",
        "Refer to the anchor of a map (`<<: *name`) or to a list of them.",
        span,
    )
