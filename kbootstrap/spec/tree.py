"""A YAML document as a tree of nodes with their locations. Aliases share nodes; nodes never change."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.core.diagnostics import Span
from kbootstrap.spec import scalars


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


def map_of(entries: dict[str, Entry], span: Span) -> Map:
    """Return a map with its size."""
    return Map(entries, span, 1 + sum(entry.value.size for entry in entries.values()))
