"""Parses text into a tree of nodes with their locations. The YAML events come from ruamel.yaml.

The tree is built here, not by ruamel's composer, so that duplicate keys, merge keys, alias bombs and
excessive nesting are detected while reading, with their locations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kbootstrap.core.diagnostics import Diagnostic, Span
from kbootstrap.spec import document_problems as problems
from kbootstrap.spec import reading, scalars, syntax
from kbootstrap.spec.document_problems import DEPTH, VALUES, StopReading
from kbootstrap.spec.tree import Entry, Items, Map, Node, Scalar, map_of

_Event = Any
"""An event of ruamel.yaml; its attributes depend on its type."""
_Mark = Any
"""A position of ruamel.yaml: `line` and `column` count from 0."""


def _at_key(value: Node, key: Span) -> Node:
    """Set the location of an omitted value to its key: the parser reports the start of the next line."""
    missing = isinstance(value, Scalar) and value.value is None and value.span.end_column <= value.span.column
    return Scalar(None, key) if missing else value


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
            raise problems.several_documents(self.span(event.start_mark, event.end_mark))
        return root

    def node(self, event: _Event, depth: int) -> Node:
        kind = type(event).__name__
        span = self.span(event.start_mark, event.end_mark)
        self.count += 1
        if self.count > VALUES:
            raise problems.too_many(span)
        if kind == "AliasEvent":
            return self.alias(event.anchor, span)
        if depth > DEPTH:
            raise problems.too_deep(span)
        if event.anchor:
            self.anchors[event.anchor] = _Open(span)
        node: Node
        if kind == "ScalarEvent":
            node = self.scalar(event, span)
        else:
            self.check_tag(event, "map" if kind == "MappingStartEvent" else "seq", span)
            node = self.map(span, depth) if kind == "MappingStartEvent" else self.list(span, depth)
        if node.size > VALUES:
            raise problems.too_many(span)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def alias(self, anchor: str, span: Span) -> Node:
        found = self.anchors.get(anchor)
        if found is None:
            names = [name for name, node in self.anchors.items() if not isinstance(node, _Open)]
            raise problems.unknown_anchor(anchor, names, span)
        if isinstance(found, _Open):
            raise problems.anchor_inside_itself(anchor, span, found.span)
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
                self.diagnostics.append(problems.duplicate_key(key, node.span, entries[key].key))
                continue
            entries[key] = Entry(node.span, _at_key(value, node.span))
        for other in merged:
            entries = {**entries, **{key: e for key, e in other.entries.items() if key not in entries}}
        return map_of(entries, span)

    def key(self, node: Node) -> str | None:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        self.diagnostics.append(problems.key_not_string(node))  # KB0111
        return None

    def merged(self, node: Node) -> tuple[Map, ...]:
        nodes = node.items if isinstance(node, Items) else (node,)
        maps = tuple(item for item in nodes if isinstance(item, Map))
        if len(maps) != len(nodes):
            self.diagnostics.append(problems.merge_needs_map(node.span))
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

    @staticmethod
    def bad_tag(event: _Event, span: Span) -> StopReading:
        return problems.bad_tag(str(event.tag).replace(scalars.CORE, "!!"), span)
