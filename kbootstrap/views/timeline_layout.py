"""The measures of the picture of a timeline: places of rows and lanes, marks of the time axis. Pure.

Units are those of the SVG's view box, which are pixels when it is shown in its own size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kbootstrap.timeline.rows import Row
from kbootstrap.timeline.spans import TimelineSpan

WIDTH = 1200
LETTER = 6.6
"""Width of a letter of 11 units in a usual font, rather too much than too little."""
_NAME = (8, 30)
"""Letters of the column of names: at least, at most."""
_MARGIN = 16
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MARKS = 10
"""Largest number of distances between marks of the axis."""
_LEAST = 18
"""Height of a row that its name needs."""


@dataclass(frozen=True, slots=True)
class Density:
    """How high a lane is, and how many lanes the steps of a row get. Fewer for many nodes."""

    lane: int
    lanes: int


def density(nodes: int) -> Density:
    """Return what fits the number of nodes."""
    if nodes <= 12:
        return Density(17, 4)
    return Density(12, 3) if nodes <= 40 else Density(8, 2)


def marks(seconds: float) -> list[float]:
    """Return the times of the marks of an axis that ends at `seconds`."""
    step = next((step for step in _STEPS if seconds / step <= _MARKS), float(_STEPS[-1]))
    return [number * step for number in range(int(seconds / step + 1e-9) + 1)]


def mark_text(seconds: float, *, tenths: bool) -> str:
    """Write the time at a mark: `0.5s`, `20s`, `1m 30s`, `1h 05m`."""
    if tenths:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02}m" if minutes else f"{hours}h"
    if minutes:
        return f"{minutes}m {rest:02}s" if rest else f"{minutes}m"
    return f"{rest}s"


def middle_cut(name: str, letters: int) -> str:
    """Shorten a name in the middle: its end distinguishes nodes."""
    if len(name) <= letters:
        return name
    half = (letters - 1) // 2
    return f"{name[: letters - 1 - half]}…{name[-half:]}"


@dataclass(frozen=True, slots=True)
class Placed:
    """A row of the picture: its upper edge, its height, and its name as it is written."""

    row: Row
    name: str
    top: int
    height: int


@dataclass(slots=True)
class Layout:
    """Where everything is. `top` is the upper edge of the first row; `seconds` is the length of the axis."""

    placed: list[Placed]
    density: Density
    left: float
    top: int
    bottom: int
    seconds: float
    _tops: dict[int, float] = field(default_factory=dict)

    def x(self, seconds: float) -> float:
        """Return the place of a time."""
        room = WIDTH - 2 * _MARGIN - self.left
        return round(self.left + room * min(max(seconds / self.seconds, 0.0), 1.0), 2)

    def y(self, span: TimelineSpan) -> float:
        """Return the upper edge of a span's lane."""
        return self._tops[id(span)]


def layout(rows: Sequence[Row], seconds: float, *, top: int) -> Layout:
    """Place rows below `top`. `rows` have at most as many lanes as `density` says."""
    dense = density(sum(row.node is not None for row in rows))
    names = [row.node or row.cluster or "kbootstrap" for row in rows]
    letters = min(max([*map(len, names), _NAME[0]]), _NAME[1])
    made = Layout([], dense, _MARGIN + letters * LETTER + 10, top, top, max(seconds, 0.001))
    for row, name in zip(rows, names, strict=True):
        height = max(len(row.lanes) * dense.lane + 6, _LEAST)
        made.placed.append(Placed(row, middle_cut(name, letters), made.bottom, height))
        begin = made.bottom + (height - len(row.lanes) * dense.lane) / 2
        for number, lane in enumerate(row.lanes):
            made._tops |= {id(span): begin + number * dense.lane for span in lane}  # noqa: SLF001
        made.bottom += height
    return made
