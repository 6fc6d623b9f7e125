"""What a large plan costs besides OpenTofu and the nodes: counted in calls, which no busy machine changes."""

from __future__ import annotations

import sys
from types import FrameType

import pytest

from bench.large_plan import Shape, measure

BASE = Shape(clusters=2, pools=8, nodes=8)


def calls(shape: Shape) -> dict[str, float]:
    """Return how many functions each step calls."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        del frame, argument
        count += event == "call"

    earlier = sys.getprofile()
    sys.setprofile(counted)
    try:
        return measure(shape, lambda: float(count))
    finally:
        sys.setprofile(earlier)


@pytest.mark.parametrize(
    "doubled", [Shape(4, 8, 8), Shape(2, 16, 8), Shape(2, 8, 16)], ids=["clusters", "pools", "nodes"]
)
def test_twice_the_size_costs_at_most_twice(doubled: Shape) -> None:
    measure(BASE)  # what is imported and compiled once
    before, after = calls(BASE), calls(doubled)
    assert not {step: (before[step], after[step]) for step in before if after[step] > 2.1 * before[step]}
