"""What a large plan costs besides OpenTofu and the nodes, in the processor's time."""

from __future__ import annotations

from bench.large_plan import SHAPES, measure

VIEWS = ("terminal", "json", "markdown", "github")


def added() -> float:
    seconds = measure(SHAPES["large_plan"])
    return seconds["render"] + seconds["document"] + max(seconds[view] for view in VIEWS)


def test_20_clusters_with_50_pools() -> None:
    """Every node of every pool is replaced: rendering and the slowest view stay under 2 seconds."""
    assert min(added() for _ in range(2)) < 2.0, "twice, for a machine that is busy otherwise"
