"""Small traces and pools for tests."""

from __future__ import annotations

from decimal import Decimal

from kbootstrap.simulation.model import Delays, SimulatedGroup, SimulatedPool, Simulation
from kbootstrap.simulation.quantities import Size
from kbootstrap.simulation.run import simulate
from kbootstrap.simulation.trace import Trace, read

GIB = 2**30
HEAD = "time,workload,pods,cpu,memory,pool\n"
SMALL, LARGE = Size(2000, 8 * GIB), Size(4000, 16 * GIB)


def trace(rows: str, *, pools: str = "web jobs") -> Trace:
    """Return a trace; rows are written `time,workload,pods,cpu,memory[,pool]`, one a word."""
    return read(HEAD + "\n".join(rows.split()) + "\n", "load.csv", frozenset(pools.split()))


def ladder(
    low: int = 1,
    high: int = 5,
    *,
    prices: tuple[str, str] = ("0.1", "0.3"),
    priority: int = 0,
) -> tuple[list[SimulatedPool], list[SimulatedGroup]]:
    """Return the pool `web` with two flavors."""
    groups = [
        SimulatedGroup(0, "small", SMALL, Decimal(prices[0])),
        SimulatedGroup(0, "large", LARGE, Decimal(prices[1])),
    ]
    return [SimulatedPool("web", low, high, (0, 1), priority)], groups


def run(
    rows: str, pools: list[SimulatedPool], groups: list[SimulatedGroup], delays: Delays | None = None
) -> Simulation:
    return simulate(pools, groups, trace(rows), delays or Delays())


def at(simulation: Simulation, time: int) -> tuple[tuple[int, ...], int]:
    """Return the nodes by group and the waiting pods at a time."""
    found = [sample for sample in simulation.samples if sample.time <= time][-1]
    return found.nodes, found.pending
