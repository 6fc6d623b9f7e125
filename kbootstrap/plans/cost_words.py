"""The sizes and costs of a plan as rows of text, for every view. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from kbootstrap.cost.model import CostRow, PoolSize, Sizes
from kbootstrap.cost.problems import amount
from kbootstrap.plans.model import ClusterEntry, PlanDocument

HEAD = (
    "CLUSTER",
    "FOR",
    "NOW",
    "MIN TO MAX",
    "PER HOUR",
    "COST AT MIN",
    "COST NOW",
    "COST AT MAX",
    "FLAVORS",
)
NUMBERS = (2, 3, 4, 5, 6, 7)
"""The columns of numbers, which are aligned at the right."""
_WORDS = {"volumes": "volumes", "floating-ips": "floating IPs", "load-balancers": "load balancers"}


def shown(document: PlanDocument) -> bool:
    """Return whether the plan has a table: of costs, or of the bounds of autoscaled pools."""
    return any(c.cost or any(size.autoscaled for size in c.sizes) for c in document.clusters)


def title(document: PlanDocument) -> str:
    """Return the title of the table, with the source of the prices."""
    prices = document.prices
    if prices is None:
        return "Bounds of pools"
    known = f"profile {prices.profile} of {prices.date}; check them" if prices.profile else "from the spec"
    return f"Cost per month in {prices.currency}, without taxes (prices {known})"


def rows(document: PlanDocument) -> list[tuple[str, ...]]:
    """Return the rows in the order of `HEAD`: the pools of each cluster, everything else, and the sums."""
    found: list[tuple[str, ...]] = []
    for cluster in document.clusters:
        own = list(_cluster(cluster))
        found += [(cluster.cluster if not index else "", *row) for index, row in enumerate(own)]
    costs = [cluster.cost for cluster in document.clusters if cluster.cost]
    if len(costs) > 1:
        sums = [sum(values, Decimal(0)) for values in zip(*(_three(c.total) for c in costs), strict=True)]
        found.append(("total", "", "", "", "", *(amount(value) for value in sums), ""))
    return found


def notes(document: PlanDocument) -> list[str]:
    """Return sentences below the table: what has no price, and the budget."""
    found = []
    for cluster in document.clusters:
        if cluster.cost and cluster.cost.unpriced:
            names = ", ".join(one.what for one in cluster.cost.unpriced)
            found.append(f"{cluster.cluster}: not in the sum, because the prices do not have it: {names}")
    if document.budget:
        found.append(
            f"Budget of the whole spec: {document.budget.currency} {amount(document.budget.monthly)}"
        )
    return found


def _cluster(cluster: ClusterEntry) -> Iterator[tuple[str, ...]]:
    if cluster.cost is None:
        yield from (_bounds(size) for size in cluster.sizes if size.autoscaled)
        return
    autoscaled = {size.pool for size in cluster.sizes if size.autoscaled}
    for row in cluster.cost.rows:
        yield _row(row, autoscaled=row.kind == "machines" and row.name in autoscaled)
    if cluster.cost.rows:
        yield ("sum", "", "", "", *(amount(value) for value in _three(cluster.cost.total)), "")


def _bounds(size: PoolSize) -> tuple[str, ...]:
    return (size.pool, str(size.now), _span(size.min, size.max), "", "", "", "", ", ".join(size.flavors))


def _row(row: CostRow, *, autoscaled: bool) -> tuple[str, ...]:
    name = row.name if row.kind == "machines" else _WORDS[row.kind] + (f" {row.name}" if row.name else "")
    unit = " GiB" if row.kind == "volumes" else ""
    price = "?" if row.hourly is None else _prices(*row.hourly)
    money = tuple(amount(value) for value in _three(row.monthly)) if row.monthly else ("?", "?", "?")
    fixed = row.count.min == row.count.max and not autoscaled
    bounds = f"{row.count.max}" if fixed else _span(row.count.min, row.count.max)
    return (name, f"{row.count.now}{unit}", f"{bounds}{unit}", price, *money, ", ".join(row.flavors))


def _three(sizes: Sizes[Decimal]) -> tuple[Decimal, Decimal, Decimal]:
    return sizes.min, sizes.now, sizes.max


def _span(low: int, high: int) -> str:
    return f"{low} to {high}"


def _prices(low: Decimal, high: Decimal) -> str:
    return f"{low:f}" if low == high else f"{low:f} to {high:f}"
