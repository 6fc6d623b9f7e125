"""Edits kubeconfig text by position: all other entries stay the same, byte for byte.

Each function takes text and returns text. Edits follow the file's indentation, line breaks and style (block,
or flow as in JSON). Text that cannot be edited this way, such as a list that is an alias, raises
`Uneditable`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kbootstrap.kubeconfig.emit import Value, block, flow, item, scalar
from kbootstrap.kubeconfig.read import FIELDS, Section, named
from kbootstrap.kubeconfig.tree import Tree, YamlNode, parse

_HEADER = ("apiVersion: v1", "kind: Config")
_COMMENT = re.compile(r"([ \t]*)#[^\n]*(?:\n|$)")


class Uneditable(ValueError):
    """Text that does not allow this edit; the argument is the reason."""


def put_entry(text: str, section: Section, entry: Mapping[str, Value]) -> str:
    """Append an entry to a list; the list is created when missing, also in an empty file."""
    tree = parse(text)
    if tree.root is None:
        tree = parse(_appended(text, _HEADER))
    root = _root(tree)
    found = root.pair(section)
    if found is None:
        return _add_to_root(tree, section, [entry])
    key, value = found
    if value.kind == "alias":
        raise Uneditable(f"{section} is an alias")
    if value.kind == "list" and value.items and not value.flow:
        dash = tree.dash(value.items[0][1])
        place = _after(tree.text, value.end, _column(tree.text, dash))
        return _insert_lines(tree.text, place, item(entry), _column(tree.text, dash))
    empty = value.null or (value.kind == "list" and not value.items)
    inline = tree.text[value.start : value.end]
    if empty and not root.flow and not value.mark and "\n" not in inline:
        colon = tree.text.index(":", key.end) + 1
        begin = colon if "\n" not in tree.text[colon : value.start] else value.start
        shorter = tree.text[:begin] + tree.text[value.end :]
        place = _after(shorter, begin, _column(shorter, key.start))
        return _insert_lines(shorter, place, item(entry), _dash_column(tree))
    if value.null:
        return _replaced(tree.text, value, flow([entry]))
    place, comma = (value.items[-1][1].end, ", ") if value.items else (value.inner, "")
    return tree.text[:place] + comma + flow(entry) + tree.text[place:]


def set_value(text: str, place: tuple[Section, str], path: tuple[str, ...], new: Value) -> str:
    """Set the value at `path` in the first entry of that name in a list."""
    tree = parse(text)
    node = named(_root(tree), *place)
    if node is None:
        raise Uneditable(f"{place[0]} has no entry {place[1]}")
    for index, key in enumerate(path):
        found = node.pair(key) if node.kind == "map" else None
        if found is None:
            for outer in reversed(path[index + 1 :]):
                new = {outer: new}
            return _add_key(tree, node, key, new)
        node = found[1]
    return _set(tree, node, new)


def remove_entry(text: str, section: Section, name: str) -> str:
    """Remove the first entry of that name from a list."""
    tree = parse(text)
    found = _root(tree).pair(section)
    entry = named(_root(tree), section, name)
    if found is None or entry is None:
        return text
    key, sequence = found
    own = next((one for one in sequence.values() if one.resolved is entry), None)
    if own is None:
        raise Uneditable(f"{section} is an alias")
    if sequence.flow:
        return _without_flow(tree, sequence, own)
    dash = tree.dash(own)
    begin = _line_start(text, dash)
    if text[begin:dash].strip():
        raise Uneditable(f"an entry of {section} begins in the middle of a line")
    rest = text[_after(text, own.end, _column(text, dash)) :]
    if len(sequence.items) > 1:
        return text[:begin] + rest
    if sequence.mark:
        raise Uneditable(f"{section} has an anchor or a tag")
    colon = text.index(":", key.end) + 1
    return f"{text[:colon]} []{text[colon:begin]}{rest}"


def set_current(text: str, name: str) -> str:
    """Set the context that kubectl uses."""
    tree = parse(text)
    if tree.root is None:
        tree = parse(_appended(text, _HEADER))
    found = _root(tree).pair("current-context")
    return _set(tree, found[1], name) if found else _add_to_root(tree, "current-context", name)


def _root(tree: Tree) -> YamlNode:
    if tree.root is None or tree.root.kind != "map":
        raise Uneditable("it is not a map")
    return tree.root


def _add_to_root(tree: Tree, key: str, value: str | list[Mapping[str, Value]]) -> str:
    root = _root(tree)
    if root.flow:
        place, comma = (root.items[-1][1].end, ", ") if root.items else (root.inner, "")
        return f"{tree.text[:place]}{comma}{flow(key)}: {flow(value)}{tree.text[place:]}"
    column = _column(tree.text, _first(root))
    if isinstance(value, str):
        lines = [f"{key}: {scalar(value)}"]
    else:
        indent = " " * (_dash_column(tree) - column)
        lines = [f"{key}:", *(indent + line for one in value for line in item(one))]
    return _insert_lines(tree.text, _after(tree.text, root.end, column), lines, column)


def _add_key(tree: Tree, node: YamlNode, key: str, value: Value) -> str:
    """Add a key to a map, as its first key."""
    text = tree.text
    if node.null:
        return _replaced(text, node, flow({key: value}))
    if node.kind != "map":
        raise Uneditable(f"what should have the key {key} is not a map")
    if node.flow:
        comma = ", " if node.items else ""
        return f"{text[: node.inner]}{flow(key)}: {flow(value)}{comma}{text[node.inner :]}"
    first = _first(node)
    written = scalar(value) if isinstance(value, str) else flow(value)
    return f"{text[:first]}{key}: {written}{_newline(text)}{' ' * _column(text, first)}{text[first:]}"


def _set(tree: Tree, node: YamlNode, new: Value) -> str:
    """Replace a value; a map in block style keeps its style."""
    text = tree.text
    own_line = not text[_line_start(text, node.start) : node.start].strip()
    if isinstance(new, str):
        return _replaced(text, node, flow(new) if text[node.start : node.start + 1] == '"' else scalar(new))
    if node.kind == "map" and not node.flow and own_line and not node.mark and isinstance(new, Mapping):
        indent = _newline(text) + " " * _column(text, node.start)
        return _replaced(text, node, indent.join(block(new)))
    return _replaced(text, node, flow(new))


def _replaced(text: str, node: YamlNode, new: str) -> str:
    before, after = text[: node.start], text[node.end :]
    if before.endswith(":"):
        new = f" {new}"
    if text[: node.end].endswith("\n"):  # the text of a block scalar ends with its last line
        new += _newline(text)
    return before + new + after


def _without_flow(tree: Tree, sequence: YamlNode, own: YamlNode) -> str:
    """Remove an item from a flow list, with one adjacent comma."""
    text = tree.text
    index = next(i for i, one in enumerate(sequence.values()) if one is own)
    following = sequence.items[index + 1][1].start if index + 1 < len(sequence.items) else sequence.end
    commas = tree.commas()
    comma = next((place for place in commas if own.end <= place < following), None)
    if comma is not None:
        end = comma + 1
        while text[end : end + 1] in {" ", "\t"}:
            end += 1
        return text[: own.start] + text[own.end : comma] + text[end:]
    if index == 0:
        return text[: own.start] + text[own.end :]
    previous = sequence.items[index - 1][1].end
    comma = next(place for place in commas if previous <= place < own.start)
    between = text[comma + 1 : own.start]
    return text[:comma] + (between if between.strip() else "") + text[own.end :]


def _appended(text: str, lines: tuple[str, ...]) -> str:
    return _insert_lines(text, len(text), list(lines), 0)


def _insert_lines(text: str, place: int, lines: list[str], column: int) -> str:
    newline = _newline(text)
    start = "" if place == 0 or text[place - 1] == "\n" else newline
    return text[:place] + start + "".join(f"{' ' * column}{line}{newline}" for line in lines) + text[place:]


def _after(text: str, end: int, column: int) -> int:
    """Return the start of the line after a value; following comments with deeper indentation belong to it."""
    if not (end == 0 or text[end - 1] == "\n"):
        found = text.find("\n", end)
        end = len(text) if found < 0 else found + 1
    while (comment := _COMMENT.match(text, end)) and len(comment[1]) > column:
        end = comment.end()
    return end


def _dash_column(tree: Tree) -> int:
    """Return the column of list items in this file, taken from its first list."""
    root = _root(tree)
    for section in FIELDS:
        found = root.pair(section)
        if found and found[1].kind == "list" and found[1].items and not found[1].flow:
            return _column(tree.text, tree.dash(found[1].items[0][1]))
    return _column(tree.text, _first(root))


def _first(node: YamlNode) -> int:
    key = node.items[0][0]
    return key.start if key is not None else node.start


def _column(text: str, place: int) -> int:
    return place - _line_start(text, place)


def _line_start(text: str, place: int) -> int:
    start = text.rfind("\n", 0, place) + 1
    return 1 if start == 0 and text.startswith("\ufeff") else start  # a byte order mark takes no column


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
