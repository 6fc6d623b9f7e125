"""A simulation as tables on the terminal, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TextIO

from rich.text import Text

from kbootstrap.simulation.model import Simulation
from kbootstrap.simulation.summary import Costs, PoolSummary, costs, pending_seconds, pools
from kbootstrap.views.amounts import count, duration
from kbootstrap.views.screen import Screen
from kbootstrap.views.tables import numbers_right, table

VERSION = 1
_HEAD = ("POOL", "BOUNDS", "LEAST", "MEAN", "MOST", "FULL WHILE PODS WAIT", "MEAN BY FLAVOR")
_COSTS = ("COST", "OF THE TRACE", "PER MONTH", "COMPARED WITH PEAK")


def show_simulation(
    simulation: Simulation, cluster: str, currency: str, stream: TextIO, env: Mapping[str, str]
) -> None:
    """Print the tables of nodes and costs, and sentences about waiting pods."""
    screen = Screen(stream, env)
    screen.line((cluster, "bold"), f"  {duration(simulation.end)} of load")
    screen.line()
    head, rows = numbers_right(_HEAD, [_pool(one) for one in pools(simulation)], range(1, 6))
    screen.lines(table(screen, head, rows, indent=2))
    screen.line()
    for text in _sentences(simulation):
        screen.paragraph("  ", Text(text))
    screen.line()
    spent = costs(simulation)
    if spent is None:
        screen.paragraph("  ", Text("Cost: unknown, because a flavor has no price in `prices:`", style="dim"))
        return
    titles = (_COSTS[0], *(f"{title}, {currency}" for title in _COSTS[1:3]), _COSTS[3])
    head, rows = numbers_right(titles, _cost_rows(spent, simulation.end), range(1, 4))
    screen.lines(table(screen, head, rows, indent=2))


def simulation_json(simulation: Simulation, cluster: str, currency: str) -> str:
    """Return the document of `-o json`, with all samples."""
    wait, spent = simulation.wait, costs(simulation)
    document: dict[str, Any] = {
        "version": VERSION,
        "kind": "simulation",
        "cluster": cluster,
        "seconds": simulation.end,
        "pools": [_pool_data(one) for one in pools(simulation)],
        "pending": {
            "pod_seconds": pending_seconds(simulation),
            "pods": wait.pods,
            "longest_seconds": wait.longest,
        },
        "nodes": {"created": simulation.created, "removed": simulation.removed},
        "too_large": list(simulation.too_large),
        "cost": _cost_data(spent, simulation.end, currency) if spent else None,
        "groups": [
            {"pool": simulation.pools[group.pool].name, "flavor": group.flavor} for group in simulation.groups
        ],
        "samples": [
            {
                "time": sample.time,
                "nodes": list(sample.nodes),
                "ready": sample.ready,
                "running": sample.running,
                "pending": sample.pending,
            }
            for sample in simulation.samples
        ],
    }
    return json.dumps(document, ensure_ascii=False)


def _pool(one: PoolSummary) -> Sequence[str]:
    low, high = one.bounds
    bounds = f"{low} to {high}" if low != high else str(low)
    flavors = (
        ", ".join(f"{mean:.1f} {flavor}" for flavor, mean in one.flavors) if len(one.flavors) > 1 else ""
    )
    full = duration(one.full) if one.full else "never" if low != high else ""
    return (one.pool, bounds, str(one.least), f"{one.mean:.1f}", str(one.most), full, flavors)


def _sentences(simulation: Simulation) -> list[str]:
    wait = simulation.wait
    if wait.pods:
        said = f"{count(wait.pods, 'pod')} waited for a node, the longest {duration(wait.longest)}; together "
        found = [f"{said}{duration(pending_seconds(simulation))}."]
    else:
        found = ["No pod waited for a node."]
    found.append(f"{count(simulation.created, 'node')} created, {count(simulation.removed, 'node')} removed.")
    if simulation.too_large:
        found.append(f"No flavor has room for a pod of: {', '.join(simulation.too_large)}.")
    return found


def _cost_rows(spent: Costs, seconds: int) -> list[Sequence[str]]:
    monthly = spent.monthly(seconds)
    rows = (
        ("simulated", spent.simulated, monthly.simulated),
        ("fixed at min", spent.at_min, monthly.at_min),
        ("fixed at peak", spent.at_peak, monthly.at_peak),
        ("fixed at max", spent.at_max, monthly.at_max),
    )
    return [
        (name, f"{whole:,.2f}", f"{month:,.2f}", _share(whole, spent.at_peak)) for name, whole, month in rows
    ]


def _share(value: Decimal, whole: Decimal) -> str:
    return f"{value / whole:.0%}" if whole else ""


def _pool_data(one: PoolSummary) -> dict[str, Any]:
    return {
        "pool": one.pool,
        "min": one.bounds[0],
        "max": one.bounds[1],
        "least": one.least,
        "mean": round(one.mean, 3),
        "most": one.most,
        "full_seconds": one.full,
        "flavors": [{"flavor": flavor, "mean": round(mean, 3)} for flavor, mean in one.flavors],
    }


def _cost_data(spent: Costs, seconds: int, currency: str) -> dict[str, Any]:
    monthly = spent.monthly(seconds)
    return {"currency": currency, "trace": _amounts(spent), "monthly": _amounts(monthly)}


def _amounts(spent: Costs) -> dict[str, float]:
    return {
        "simulated": float(round(spent.simulated, 2)),
        "fixed_min": float(round(spent.at_min, 2)),
        "fixed_peak": float(round(spent.at_peak, 2)),
        "fixed_max": float(round(spent.at_max, 2)),
    }
