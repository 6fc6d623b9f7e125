"""Pauses between two looks at something: short at first, because most things come soon; then longer."""

from __future__ import annotations

from collections.abc import Iterator

_FACTOR = 1.6


def growing(first: float, longest: float) -> Iterator[float]:
    """Yield pauses in seconds without end, from `first` to `longest`."""
    pause = first
    while True:
        yield pause
        pause = min(pause * _FACTOR, longest)
