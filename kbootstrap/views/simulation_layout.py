"""The measures of the picture of a simulation: panels, scales, marks of axes, fewer points. Pure.

Units are those of the SVG's view box, which are pixels when it is shown in its own size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH = 1100
MARGIN = 16
LEFT, RIGHT = 72, 156
"""Room for the marks of the vertical axes, and for names beside lines."""
LETTER = 0.6
"""Width of a letter of a usual font, as a share of its size: rather too much than too little."""
_LINE = 14
"""Distance of two names beside lines."""
_SWATCH = 20
"""Width of a colour in the legend, with the gap to its name."""
_POINTS = 1200
"""Points of a curve. More would lie on the same pixels."""
_HOUR, _DAY = 3600, 86400
_TIMES = (
    10, 30, 60, 120, 300, 600, 900, 1800, _HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR,
    _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY, 60 * _DAY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its upper edge, its height, and the value at its upper edge."""

    top: int
    height: int
    most: float

    @property
    def bottom(self) -> int:
        """The lower edge, where values are 0."""
        return self.top + self.height

    def y(self, value: float) -> float:
        """Return the place of a value."""
        return round(self.bottom - self.height * min(value / self.most, 1.0), 1)


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The common time axis of all panels, in seconds."""

    end: int

    def x(self, seconds: float) -> float:
        """Return the place of a time."""
        return round(LEFT + (WIDTH - LEFT - RIGHT) * seconds / self.end, 1)

    @property
    def marks(self) -> list[int]:
        """The times of the marks."""
        step = next((step for step in _TIMES if self.end / step <= 9), _TIMES[-1])
        return list(range(0, self.end + 1, step))


def time_text(seconds: int) -> str:
    """Write the time at a mark: `90s`, `45m`, `6h`, `2d`, `1d 12h`."""
    days, rest = divmod(seconds, _DAY)
    hours, rest = divmod(rest, _HOUR)
    minutes, rest = divmod(rest, 60)
    parts = [
        f"{value}{unit}" for value, unit in zip((days, hours, minutes, rest), "dhms", strict=True) if value
    ]
    return " ".join(parts[:2]) or "0"


def money(value: float, most: float) -> str:
    """Write an amount; as short as the largest one needs that is written beside it."""
    if most >= 10_000_000:
        return f"{value / 1_000_000:,.1f}M"
    return f"{value:,.0f}" if most >= 10_000 else f"{value:,.2f}"


def fitting(text: str, width: float, size: float) -> str:
    """Return a text of this font size that is at most so wide, shortened in its middle if it is longer."""
    letters = int(width / (size * LETTER))
    if len(text) <= letters:
        return text
    head = max(letters - 1, 0) // 2
    return f"{text[:head].rstrip()}…{text[len(text) - (letters - 1 - head) :].lstrip()}"


def apart(places: Sequence[float]) -> list[float]:
    """Return the places of names beside lines, moved upwards where two of them would overlap."""
    moved = list(places)
    free = math.inf
    for index in sorted(range(len(places)), key=lambda one: -places[one]):
        moved[index] = min(places[index], free)
        free = moved[index] - _LINE
    return moved


def legend(names: Sequence[str], size: float) -> Iterator[tuple[float, int]]:
    """Yield the place of each name of a legend, from left to right, and its row, from 0."""
    x, row = float(MARGIN), 0
    for name in names:
        width = _SWATCH + len(name) * size * LETTER
        if x > MARGIN and x + width > WIDTH - MARGIN:
            x, row = float(MARGIN), row + 1
        yield x, row
        x += width + _SWATCH


def top_of(most: float) -> float:
    """Return the value at the upper edge of a panel whose largest value this is: a round number above it."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(round(step * power, 9) for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= most)


def value_marks(most: float, *, whole: bool) -> list[float]:
    """Return the values of the marks of a vertical axis that ends at `most`."""
    power = 10.0 ** math.floor(math.log10(most))
    steps = [round(step * factor, 9) for factor in (power / 10, power) for step in (1, 2, 2.5, 5)]
    step = next(step for step in steps if most / step <= 5 and (not whole or step == int(step) or step >= 1))
    step = max(1.0, math.ceil(step)) if whole else step
    return [round(number * step, 9) for number in range(int(most / step + 1e-9) + 1)]


def steps(points: Sequence[tuple[int, float]], end: int) -> list[tuple[int, float]]:
    """Return the corners of a step curve, at most `_POINTS`: of each pixel its largest value."""
    if len(points) <= _POINTS:
        return list(points)
    found: list[tuple[int, float]] = []
    for time, value in points:
        slot = time * _POINTS // end
        if found and found[-1][0] * _POINTS // end == slot:
            found[-1] = (found[-1][0], max(found[-1][1], value))
        else:
            found.append((time, value))
    return found
