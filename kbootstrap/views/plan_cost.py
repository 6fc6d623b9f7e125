"""Shows the bounds of pools and the cost of a plan on the terminal and as JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rich.text import Text

from kbootstrap.cost.model import ClusterCost, CostRow, PoolSize, Sizes
from kbootstrap.plans.cost_words import HEAD, NUMBERS, notes, rows, shown, title
from kbootstrap.plans.model import PlanDocument
from kbootstrap.views.screen import Screen
from kbootstrap.views.tables import numbers_right, table


def show_cost(screen: Screen, document: PlanDocument) -> None:
    """Print the table of costs and bounds, if the plan has one."""
    if not shown(document):
        return
    head, found = numbers_right(HEAD, rows(document), NUMBERS)
    screen.line(title(document))
    screen.lines(table(screen, head, found, indent=2))
    for note in notes(document):
        screen.paragraph("  ", Text(note, style="dim"))
    screen.line()


def pool_data(size: PoolSize) -> dict[str, Any]:
    """Return the size of a pool as JSON values."""
    return {
        "pool": size.pool,
        "flavors": list(size.flavors),
        "min": size.min,
        "now": size.now,
        "max": size.max,
        "autoscaled": size.autoscaled,
    }


def cost_data(cost: ClusterCost) -> dict[str, Any]:
    """Return the cost of a cluster as JSON values; amounts are rounded to two decimals."""
    return {
        "rows": [_row(row) for row in cost.rows],
        "monthly": _money(cost.total),
        "unpriced": [one.what for one in cost.unpriced],
    }


def document_data(document: PlanDocument) -> dict[str, Any]:
    """Return the keys of the document: prices and budget, where the spec has them."""
    prices, budget = document.prices, document.budget
    found: dict[str, Any] = {}
    if prices:
        found["prices"] = {
            "currency": prices.currency,
            "profile": prices.profile,
            "date": prices.date,
            "source": prices.source,
        }
    if budget:
        found["budget"] = {"monthly": _rounded(budget.monthly), "currency": budget.currency}
    return found


def _row(row: CostRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "name": row.name,
        "flavors": list(row.flavors),
        "hourly": None if row.hourly is None else [float(value) for value in row.hourly],
        "count": {"min": row.count.min, "now": row.count.now, "max": row.count.max},
        "monthly": _money(row.monthly) if row.monthly else None,
    }


def _money(sizes: Sizes[Decimal]) -> dict[str, float]:
    return {"min": _rounded(sizes.min), "now": _rounded(sizes.now), "max": _rounded(sizes.max)}


def _rounded(value: Decimal) -> float:
    return float(round(value, 2))
