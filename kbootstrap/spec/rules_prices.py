"""Rules about prices and the budget that only need the spec."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic, Related
from kbootstrap.spec import prices
from kbootstrap.spec.model import Spec


def one_currency(spec: Spec) -> Iterator[Diagnostic]:
    """Reject prices in another currency than those of their profile."""
    if spec.prices is None or spec.prices.profile is None:
        return
    base = prices.profile(spec.prices.profile)
    if spec.prices.currency != base.currency:
        yield Diagnostic(
            "KB0329",
            f"The prices of the profile {base.profile} are in {base.currency}, and those of the spec in "
            f"{spec.prices.currency}.",
            f"Delete `currency` and write prices in {base.currency}, or delete `profile` and write all "
            "prices.",
            spec.source.value(("prices", "currency")),
        )


def budget(spec: Spec) -> Iterator[Diagnostic]:
    """Reject a budget without prices, and one in another currency."""
    if spec.budget is None:
        return
    if spec.prices is None:
        yield Diagnostic(
            "KB0327",
            "Without prices the cost of the clusters is unknown.",
            f"Add `prices: {prices.profiles()[0]}`, or a map with the prices of your cloud.",
            spec.source.key(("budget",)),
        )
    elif spec.budget.currency != spec.prices.currency:
        written = spec.source.written(("prices", "currency"))
        span = spec.source.value(("prices", "currency") if written else ("prices",))
        yield Diagnostic(
            "KB0329",
            f"The budget is in {spec.budget.currency}, and the prices are in {spec.prices.currency}.",
            f"Write the budget in {spec.prices.currency}.",
            spec.source.value(("budget", "currency")),
            related=(Related(span, "the prices"),) if span else (),
        )
