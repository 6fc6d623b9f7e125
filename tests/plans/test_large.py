"""What a large plan costs besides OpenTofu and the nodes: counted in calls, which no busy machine changes."""

from __future__ import annotations

import pytest

from bench.large_plan import Shape, measure
from tests.calls import counting

BASE = Shape(clusters=2, pools=8, nodes=8)


def calls(shape: Shape) -> dict[str, float]:
    """Return how many functions each step calls."""
    with counting() as count:
        return measure(shape, lambda: float(count()))


@pytest.mark.parametrize(
    "doubled", [Shape(4, 8, 8), Shape(2, 16, 8), Shape(2, 8, 16)], ids=["clusters", "pools", "nodes"]
)
def test_twice_the_size_costs_at_most_twice(doubled: Shape) -> None:
    for shape in (BASE, doubled):
        measure(shape)  # what is imported, compiled and remembered once: rich keeps the widths of texts
    before, after = calls(BASE), calls(doubled)
    assert not {step: (before[step], after[step]) for step in before if after[step] > 2.1 * before[step]}
