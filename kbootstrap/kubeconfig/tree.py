"""YAML text as nodes with their positions, so that an edit can leave all other bytes unchanged.

Scalars are kept as written and not resolved: kubectl reads YAML 1.1, most libraries read 1.2, and
`namespace: 695e0514` is a number for some of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from ruamel.yaml import YAML

_NULL = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(slots=True)
class YamlNode:
    """A value: `text[start:end]` of the file, without following comments and line breaks.

    `items` are (key, value) pairs of a map and (None, value) pairs of a list. `inner` is the position for
    the first item of a flow collection. The `target` of an alias is the node with the anchor.
    """

    kind: Literal["scalar", "map", "list", "alias"]
    start: int
    end: int
    value: str = ""
    plain: bool = False
    flow: bool = False
    inner: int = 0
    mark: str = ""
    """Anchor and tag, as written."""
    items: list[tuple[YamlNode | None, YamlNode]] = field(default_factory=list)
    target: YamlNode | None = None

    @property
    def resolved(self) -> YamlNode:
        """The node itself, or the target of an alias."""
        return self.target or self

    @property
    def null(self) -> bool:
        """Whether the value is null or omitted."""
        return self.kind == "scalar" and self.plain and self.value in _NULL

    def pair(self, name: str) -> tuple[YamlNode, YamlNode] | None:
        """Return the key and value of this name in the map itself."""
        for key, value in self.items:
            if key is not None and key.kind == "scalar" and key.value == name:
                return key, value
        return None

    def get(self, name: str) -> YamlNode | None:
        """Return the value of a key, including keys merged by `<<`, with aliases resolved."""
        if found := self.pair(name):
            return found[1].resolved
        if merged := self.pair("<<"):
            source = merged[1].resolved
            for one in [source] if source.kind == "map" else [item.resolved for _, item in source.items]:
                if inherited := one.pair(name):
                    return inherited[1].resolved
        return None

    def values(self) -> Iterator[YamlNode]:
        """Yield the values of a map or list, as written."""
        for _, value in self.items:
            yield value

    def data(self) -> Any:  # noqa: ANN401 - whatever the file contains
        """Return dicts, lists and strings, aliases resolved; None for null. `<<` is a key like others."""
        node = self.resolved
        if node.kind == "map":
            return {key.value: value.data() for key, value in node.items if key is not None}
        if node.kind == "list":
            return [value.data() for value in node.values()]
        return None if node.null else node.value


@dataclass(slots=True)
class Tree:
    """A parsed file; `root` is None if it is empty."""

    text: str
    root: YamlNode | None

    def dash(self, item: YamlNode) -> int:
        """Return the position of the dash of a list item."""
        return max(place for place in self._tokens("BlockEntryToken") if place <= item.start)

    def commas(self) -> list[int]:
        """Return the positions of commas between items."""
        return list(self._tokens("FlowEntryToken"))

    def _tokens(self, kind: str) -> Iterator[int]:
        for token in YAML(typ="safe", pure=True).scan(self.text):
            if type(token).__name__ == kind:
                yield token.start_mark.index


class Refused(ValueError):
    """Text that is not a single map without repeated keys; `line` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


@lru_cache(maxsize=16)
def parse(text: str) -> Tree:
    """Parse text; raises `Refused`, and the exceptions of ruamel.yaml.

    One run parses the same few texts again and again, so they are kept. Do not change a tree.
    """
    yaml = YAML(typ="safe", pure=True)
    return Tree(text, _build(yaml.parse(text), text))


def _build(events: Iterator[Any], text: str) -> YamlNode | None:
    """Build the node tree from all events; without recursion, because files may be deeply nested."""
    anchors: dict[str, YamlNode] = {}
    stack: list[tuple[YamlNode, list[YamlNode]]] = []
    root: YamlNode | None = None
    documents = 0
    for event in events:
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            documents += 1
            if documents > 1:
                raise Refused(event.start_mark.line + 1, "a second document begins here")
        if kind in {"MappingStartEvent", "SequenceStartEvent"}:
            name: Literal["map", "list"] = "map" if kind == "MappingStartEvent" else "list"
            node = YamlNode(name, event.start_mark.index, event.end_mark.index, flow=bool(event.flow_style))
            node.inner = node.end
            _note(node, event, anchors)
            stack.append((node, []))
            continue
        if kind in {"MappingEndEvent", "SequenceEndEvent"}:
            node, children = stack.pop()
            _close(node, children, event, text)
        elif kind == "AliasEvent":
            node = YamlNode("alias", event.start_mark.index, event.end_mark.index, event.anchor)
            node.target = anchors.get(event.anchor)
            if node.target is None:
                raise Refused(event.start_mark.line + 1, f"no anchor is named {event.anchor}")
        elif kind == "ScalarEvent":
            node = YamlNode("scalar", event.start_mark.index, event.end_mark.index, event.value)
            node.plain = bool(event.implicit[0])
            _note(node, event, anchors)
        else:
            continue
        if stack:
            stack[-1][1].append(node)
        else:
            root = node
    return None if root is not None and root.null and not root.mark else root


def _note(node: YamlNode, event: Any, anchors: dict[str, YamlNode]) -> None:  # noqa: ANN401 - ruamel's events
    tag = "" if event.tag is None else str(event.tag)
    node.mark = f"{event.anchor or ''} {tag}".strip()
    if event.anchor:
        anchors[event.anchor] = node


def _close(node: YamlNode, children: list[YamlNode], event: Any, text: str) -> None:  # noqa: ANN401 - ruamel's events
    if node.kind == "list":
        node.items = [(None, child) for child in children]
    else:
        keys, values = children[::2], children[1::2]
        node.items = list(zip(keys, values, strict=True))
        seen: set[str] = set()
        for key, value in node.items:
            if key is not None and key.kind == "scalar":
                if key.value in seen and key.value != "<<":
                    raise Refused(text.count("\n", 0, key.start) + 1, f"the key {key.value} is there twice")
                seen.add(key.value)
                _place_of_nothing(key, value, text)
    if node.flow:
        node.end = event.end_mark.index
    elif node.items:
        last = node.items[-1][1]
        # An omitted value has no position of its own in a list.
        node.end = last.end if last.start < last.end else len(text[: last.end].rstrip())


def _place_of_nothing(key: YamlNode, value: YamlNode, text: str) -> None:
    """Set the position of an omitted value to directly after the colon of its key."""
    if value.start == value.end and value.kind == "scalar":
        colon = text.find(":", key.end, value.start + 1)
        value.start = value.end = colon + 1 if colon >= 0 else value.start
