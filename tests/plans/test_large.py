"""What a large plan costs besides OpenTofu and the nodes, in the processor's time."""

from __future__ import annotations

import time

from bench.large_plan import measure

VIEWS = ("terminal", "json", "markdown", "github")


def added() -> float:
    seconds = measure(20, 50, time.process_time)
    return seconds["render"] + seconds["document"] + max(seconds[view] for view in VIEWS)


def test_20_clusters_with_50_pools() -> None:
    """Every node of every pool is replaced: rendering and the slowest view stay under 2 seconds."""
    assert min(added() for _ in range(2)) < 2.0, "twice, for a machine that is busy otherwise"
