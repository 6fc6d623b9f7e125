"""A line of a file with markers under it, aligned also for tabs, wide characters and long lines."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from kbootstrap.views.screen import harmless
from kbootstrap.views.symbols import Symbols

_TAB = 4
_SHARE = 3
"""A line that is cut keeps about two thirds of the room before the marker."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a line that fits on the screen. `cells` has the width of each character of the whole line.

    `begin` and `end` are the letters that are shown, `prefix` is the sign for what was cut before them.
    """

    text: str
    cells: tuple[int, ...]
    begin: int
    end: int
    prefix: int
    room: int

    def place(self, column: int, end_column: int) -> tuple[int, int]:
        """Return the start and length of a marker in cells; columns are characters, from 1."""
        first = min(max(column - 1, self.begin), self.end)
        last = min(max(end_column - 1, first + 1), max(self.end, first + 1))
        start = self.prefix + sum(self.cells[self.begin : first])
        return start, max(min(sum(self.cells[first:last]), self.room - start), 1)


def window(line: str, column: int, end_column: int, room: int, symbols: Symbols) -> Window:
    """Return a part of a line, at most `room` cells, with the given columns (from 1, end exclusive)."""
    letters = [_shown(letter) for letter in line.rstrip("\r\n")]
    cells = tuple(cell_len(letter) for letter in letters)
    if sum(cells) <= room:
        return Window("".join(letters), cells, 0, len(letters), 0, room)
    mark = symbols.ellipsis
    first = min(max(column - 1, 0), len(letters))
    inside = sum(cells[first : max(end_column - 1, first + 1)])
    begin = 0
    before, rest = sum(cells[:first]), sum(cells)
    while (
        begin < first
        and rest > room - len(mark)
        and before + min(inside, room // _SHARE) > room * (_SHARE - 1) // _SHARE
    ):
        before, rest = before - cells[begin], rest - cells[begin]
        begin += 1
    prefix = mark if begin else ""
    used, end = len(prefix), begin
    while end < len(letters) and used + cells[end] <= room - len(mark):
        used += cells[end]
        end += 1
    suffix = mark if end < len(letters) else ""
    return Window(prefix + "".join(letters[begin:end]) + suffix, cells, begin, end, len(prefix), room)


def marker_lines(start: int, length: int, label: str, *, style: str, sign: str, room: int) -> list[Text]:
    """Return the marker with its label beside it, or below it if there is no room."""
    marker = Text(" " * start + sign * length, style=style)
    label = " ".join(harmless(label).split())
    if not label:
        return [marker]
    if start + length + 1 + cell_len(label) <= room:
        marker.append(f" {label}")
        return [marker]
    indent = max(0, min(start, room - cell_len(label)))
    below = textwrap.wrap(label, max(room - indent, 16))
    return [marker, *(Text(" " * indent + line, style=style) for line in below)]


def _shown(letter: str) -> str:
    if letter == "\t":
        return " " * _TAB
    return letter if letter.isprintable() else "?"
