"""Parses text into a tree of nodes with their locations. The YAML events come from ruamel.yaml.

The tree is built here, not by ruamel's composer, so that duplicate keys, merge keys, alias bombs and
excessive nesting are detected while reading, with their locations. Aliases share nodes; nodes never change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kbootstrap.core.diagnostics import Diagnostic, Related, Span
from kbootstrap.spec import reading, scalars, syntax

DEPTH = 40
"""Maximum nesting depth; the spec language needs 8."""
VALUES = 100_000
"""Maximum number of values with aliases expanded; a spec of 5,000 lines has about 15,000."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value."""

    value: scalars.Plain
    span: Span
    size: int = 1


@dataclass(frozen=True, slots=True)
class Items:
    """A list. `size` is the number of values inside, with aliases expanded."""

    items: tuple[Node, ...]
    span: Span
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A value of a map, with the location of its key."""

    key: Span
    value: Node


@dataclass(frozen=True, slots=True)
class Map:
    """A map, in file order. `size` as for lists."""

    entries: dict[str, Entry]
    span: Span
    size: int


Node = Scalar | Items | Map
_Event = Any
"""An event of ruamel.yaml; its attributes depend on its type."""
_Mark = Any
"""A position of ruamel.yaml: `line` and `column` count from 0."""


def map_of(entries: dict[str, Entry], span: Span) -> Map:
    """Return a map with its size."""
    return Map(entries, span, 1 + sum(entry.value.size for entry in entries.values()))


def _at_key(value: Node, key: Span) -> Node:
    """Set the location of an omitted value to its key: the parser reports the start of the next line."""
    missing = isinstance(value, Scalar) and value.value is None and value.span.end_column <= value.span.column
    return Scalar(None, key) if missing else value


class StopReading(Exception):
    """Parsing cannot continue; contains the reason."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


@dataclass(frozen=True, slots=True)
class Document:
    """The result of parsing: `root` is None if the text is not YAML."""

    root: Node | None
    diagnostics: tuple[Diagnostic, ...]


def parse(text: str, name: str) -> Document:
    """Parse one YAML document; `name` is the file name in spans. Does not raise for any text."""
    composer = _Composer(text, name)
    try:
        root = composer.document()
    except StopReading as stop:
        return Document(None, (*composer.diagnostics, stop.diagnostic))
    return Document(root, tuple(composer.diagnostics))


@dataclass(slots=True)
class _Open:
    """An anchor whose node is not complete yet."""

    span: Span


@dataclass(slots=True)
class _Composer:
    text: str
    name: str
    diagnostics: list[Diagnostic] = field(default_factory=list)
    lines: list[str] = field(init=False)
    anchors: dict[str, Node | _Open] = field(default_factory=dict)
    count: int = 0
    events: Iterator[_Event] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = reading.lines(self.text)
        self.events = syntax.events(self.text)

    def span(self, start: _Mark, end: _Mark) -> Span:
        """Return the span between two marks of ruamel (from 0), truncated at the end of its line."""
        line = self.lines[start.line] if start.line < len(self.lines) else ""
        last = end.column if end.line == start.line else len(line)
        return Span(self.name, start.line + 1, start.column + 1, max(last, start.column) + 1, line)

    def stop(
        self, code: str, summary: str, reason: str, help_: str, span: Span, *more: Related
    ) -> StopReading:
        return StopReading(Diagnostic(code, reason, help_, span, related=more, summary=summary))

    def next(self) -> _Event:
        try:
            return next(self.events)
        except syntax.YamlError as error:
            raise StopReading(syntax.explain(error, self.name, self.lines)) from None

    def document(self) -> Node | None:
        self.next()
        event = self.next()
        if type(event).__name__ == "StreamEndEvent":
            return None
        root = self.node(self.next(), 0)
        self.next()
        event = self.next()
        if type(event).__name__ != "StreamEndEvent":
            raise self.stop(
                "KB0108",
                "Several documents in one file",
                "A spec is one YAML document, and here a second one begins.",
                "Delete the `---`, or put the second document into its own file.",
                self.span(event.start_mark, event.end_mark),
            )
        return root

    def node(self, event: _Event, depth: int) -> Node:
        kind = type(event).__name__
        span = self.span(event.start_mark, event.end_mark)
        self.count += 1
        if self.count > VALUES:
            raise self.too_many(span)
        if kind == "AliasEvent":
            return self.alias(event.anchor, span)
        if depth > DEPTH:
            raise self.stop(
                "KB0110",
                "Too deeply nested",
                f"Maps and lists stand more than {DEPTH} levels deep inside each other here.",
                "Look for brackets that are not closed, or for wrong indentation.",
                span,
            )
        if event.anchor:
            self.anchors[event.anchor] = _Open(span)
        node: Node
        if kind == "ScalarEvent":
            node = self.scalar(event, span)
        else:
            self.check_tag(event, "map" if kind == "MappingStartEvent" else "seq", span)
            node = self.map(span, depth) if kind == "MappingStartEvent" else self.list(span, depth)
        if node.size > VALUES:
            raise self.too_many(span)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def too_many(self, span: Span) -> StopReading:
        return self.stop(
            "KB0110",
            "Too many values",
            f"With its aliases followed, this holds more than {VALUES:,} values.",
            "Check the anchors and aliases (`&name`, `*name`) in it, or divide the spec.",
            span,
        )

    def alias(self, anchor: str, span: Span) -> Node:
        found = self.anchors.get(anchor)
        if found is None:
            names = [name for name, node in self.anchors.items() if not isinstance(node, _Open)]
            known = f"It has: {', '.join(names)}. " if names else ""
            raise self.stop(
                "KB0109",
                "Unknown anchor",
                f"`*{anchor}` refers to an anchor that does not stand above it.",
                f"{known}An anchor is written `&{anchor}` before the value; a text that begins with `*` "
                "needs quotes.",
                span,
            )
        if isinstance(found, _Open):
            raise self.stop(
                "KB0109",
                "Anchor inside itself",
                f"`*{anchor}` refers to the value that it is a part of, which would never end.",
                "Refer to another anchor, or write the value out.",
                span,
                Related(found.span, "the anchor"),
            )
        return found

    def scalar(self, event: _Event, span: Span) -> Scalar:
        tag = str(event.tag) if event.tag else None
        if tag is None or tag == "!":
            quoted = event.style is not None or tag == "!"
            return Scalar(event.value if quoted else scalars.plain(event.value), span)
        self.check_tag(event, None, span)
        try:
            return Scalar(scalars.tagged(event.value, tag), span)
        except ValueError:
            raise self.bad_tag(event, span) from None

    def list(self, span: Span, depth: int) -> Items:
        items: list[Node] = []
        while type(event := self.next()).__name__ != "SequenceEndEvent":
            items.append(self.node(event, depth + 1))
        return Items(tuple(items), span, 1 + sum(item.size for item in items))

    def map(self, span: Span, depth: int) -> Map:
        entries: dict[str, Entry] = {}
        merged: list[Map] = []
        while type(event := self.next()).__name__ != "MappingEndEvent":
            plain = getattr(event, "style", "") is None and not getattr(event, "tag", None)
            if plain and getattr(event, "value", None) == "<<":
                merged += self.merged(self.node(self.next(), depth + 1))
                continue
            node = self.node(event, depth + 1)
            value = self.node(self.next(), depth + 1)
            key = self.key(node)
            if key is None:
                continue
            if key in entries:
                self.duplicate(key, node.span, entries[key].key)
                continue
            entries[key] = Entry(node.span, _at_key(value, node.span))
        for other in merged:
            entries = {**entries, **{key: e for key, e in other.entries.items() if key not in entries}}
        return map_of(entries, span)

    def key(self, node: Node) -> str | None:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        written = node.span.text[node.span.column - 1 : node.span.end_column - 1]
        self.diagnostics.append(
            Diagnostic(
                "KB0111",
                "YAML reads this key as a number, true, false, nothing, a list or a map; keys of a spec are "
                "text.",
                f'Write it in quotes: "{written}".'
                if isinstance(node, Scalar) and written
                else "Write a name.",
                node.span,
                summary="Key is not text",
            )
        )
        return None

    def duplicate(self, key: str, span: Span, first: Span) -> None:
        self.diagnostics.append(
            Diagnostic(
                "KB0107",
                f"`{key}` appears twice in the same map, and only one of the two values could count.",
                "Delete one of them, or merge the two values into one.",
                span,
                "again here",
                (Related(first, "first here"),),
                summary="Key written twice",
            )
        )

    def merged(self, node: Node) -> tuple[Map, ...]:
        nodes = node.items if isinstance(node, Items) else (node,)
        maps = tuple(item for item in nodes if isinstance(item, Map))
        if len(maps) != len(nodes):
            self.diagnostics.append(
                Diagnostic(
                    "KB0113",
                    "`<<` puts the entries of another map here; this is something else.",
                    "Refer to the anchor of a map (`<<: *name`) or to a list of them.",
                    node.span,
                    summary="`<<` needs a map",
                )
            )
        return maps

    def check_tag(self, event: _Event, kind: str | None, span: Span) -> None:
        tag = str(event.tag) if event.tag else ""
        allowed = (
            {f"{scalars.CORE}{kind}"}
            if kind
            else {scalars.CORE + t for t in ("str", "int", "float", "bool", "null")}
        )
        if tag not in {"", "!"} and tag not in allowed:
            raise self.bad_tag(event, span)

    def bad_tag(self, event: _Event, span: Span) -> StopReading:
        tag = str(event.tag).replace(scalars.CORE, "!!")
        return self.stop(
            "KB0112",
            "Tag does not fit",
            f"The tag `{tag[:60]}` is unknown here or does not fit its value; a spec is plain data.",
            "Delete the tag; put quotes around a text that begins with `!`.",
            span,
        )
