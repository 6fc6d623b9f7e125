"""Sums of a simulation: nodes of pools over time, waiting pods, and cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from kbootstrap.simulation.model import Sample, Simulation
from kbootstrap.spec.prices import HOURS_PER_MONTH

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class PoolSummary:
    """The nodes of one pool over time: bounds, smallest, mean and largest number.

    `full` is how long pods waited while the pool had its maximum and all nodes were Ready, in seconds: its
    `max` may be too small.
    `flavors` has the mean number of nodes by flavor.
    """

    pool: str
    bounds: tuple[int, int]
    least: int
    mean: float
    most: int
    full: int
    flavors: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of the pools' machines for the time of the trace.

    The others are those of pools of a fixed size: of `min` nodes, of the machines that are the most expensive
    at one time of the simulation, and of `max` nodes, those above `min` with the most expensive flavor.
    """

    simulated: Decimal
    at_min: Decimal
    at_peak: Decimal
    at_max: Decimal

    def monthly(self, seconds: int) -> Costs:
        """Return the costs of a month (730 hours) that is like the trace, which has this length."""
        factor = Decimal(HOURS_PER_MONTH * _HOUR) / seconds
        return Costs(
            self.simulated * factor, self.at_min * factor, self.at_peak * factor, self.at_max * factor
        )


def periods(simulation: Simulation) -> Iterator[tuple[Sample, int]]:
    """Yield each sample with its duration in seconds."""
    samples = simulation.samples
    ends = [*(sample.time for sample in samples[1:]), simulation.end]
    yield from zip(samples, (end - one.time for one, end in zip(samples, ends, strict=True)), strict=True)


def pools(simulation: Simulation) -> tuple[PoolSummary, ...]:
    """Return the summary of every pool."""
    found = []
    for pool in simulation.pools:
        counts = [sum(sample.nodes[group] for group in pool.groups) for sample in simulation.samples]
        full = sum(
            seconds
            for (sample, seconds), count in zip(periods(simulation), counts, strict=True)
            if _stuck(sample) and count == pool.max and pool.max > pool.min
        )
        means = [_mean(simulation, group) for group in pool.groups]
        found.append(
            PoolSummary(
                pool=pool.name,
                bounds=(pool.min, pool.max),
                least=min(counts),
                mean=sum(means),
                most=max(counts),
                full=full,
                flavors=tuple(
                    (simulation.groups[g].flavor, m) for g, m in zip(pool.groups, means, strict=True)
                ),
            )
        )
    return tuple(found)


def pending_seconds(simulation: Simulation) -> int:
    """Return the sum of waiting times of all pods, in pod seconds."""
    return sum(sample.pending * seconds for sample, seconds in periods(simulation))


def costs(simulation: Simulation) -> Costs | None:
    """Return the costs; None if a flavor has no price."""
    prices = [group.price for group in simulation.groups]
    known = [price for price in prices if price is not None]
    if len(known) < len(prices) or not prices:
        return None
    hours = Decimal(simulation.end) / _HOUR
    least = sum((pool.min * known[pool.groups[0]] for pool in simulation.pools), Decimal(0))
    growing = ((pool.max - pool.min, max(known[g] for g in pool.groups)) for pool in simulation.pools)
    most = least + sum((number * price for number, price in growing), Decimal(0))
    rates = [(rate(sample, known), seconds) for sample, seconds in periods(simulation) if seconds]
    spent = sum((hourly * seconds for hourly, seconds in rates), Decimal(0)) / _HOUR
    return Costs(spent, least * hours, max(hourly for hourly, _ in rates) * hours, most * hours)


def rate(sample: Sample, prices: list[Decimal]) -> Decimal:
    """Return what the machines of a sample cost per hour."""
    return sum((count * price for count, price in zip(sample.nodes, prices, strict=True)), Decimal(0))


def _stuck(sample: Sample) -> bool:
    return sample.pending > 0 and sample.ready == sum(sample.nodes)


def _mean(simulation: Simulation, group: int) -> float:
    return sum(sample.nodes[group] * seconds for sample, seconds in periods(simulation)) / simulation.end
