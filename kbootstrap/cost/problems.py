"""Problems of a spec with a budget: its clusters can cost more, or a price is missing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from kbootstrap.core.diagnostics import Diagnostic, Related
from kbootstrap.cost.model import ClusterCost
from kbootstrap.spec.model import Spec


def problems(spec: Spec, costs: Sequence[ClusterCost]) -> Iterator[Diagnostic]:
    """Yield the reasons to refuse a spec because of its budget; `costs` are those of all its clusters."""
    if spec.budget is None:
        return
    for cost in costs:
        for one in cost.unpriced:
            yield Diagnostic(
                "KB0423",
                f"Cluster {cost.cluster} has {one.what}, and the prices do not say what that costs.",
                f"Add the price per hour: `prices: {{{one.key}}}`.",
                spec.source.value(one.path) if len(one.path) > 2 else spec.source.key(one.path),
            )
    most = sum((cost.total.max for cost in costs), Decimal(0))
    if most > spec.budget.monthly:
        currency = spec.budget.currency
        each = ", ".join(f"{cost.cluster} {amount(cost.total.max)}" for cost in costs)
        span = spec.source.key(("prices",))
        yield Diagnostic(
            "KB0422",
            f"At their largest size the clusters cost {currency} {amount(most)} per month ({each}), and the "
            f"budget is {currency} {amount(spec.budget.monthly)}.",
            "Lower `max` of pools, choose smaller flavors, or raise the budget.",
            spec.source.value(("budget", "monthly")),
            related=(Related(span, "the prices"),) if span else (),
        )


def amount(value: Decimal) -> str:
    """Write an amount of money with two decimals: `1,234.50`."""
    return f"{value:,.2f}"
