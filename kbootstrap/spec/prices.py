"""Prices and budget of a spec, and the built-in profiles with the published prices of clouds.

A profile is a file of `price_profiles/`: `currency`, `date`, `source`, and prices per hour without taxes in
the form of the spec's `prices:`.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import resources
from typing import Any

HOURS_PER_MONTH = 730
"""Hours of an average month (8760 / 12): the month of all monthly costs."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices per hour, without taxes; a price that is not known is missing or None.

    `volume_gib` is for one GiB of a volume whose type is not in `volume_types`. `profile` is the built-in
    profile that the prices come from, `date` the day of its prices (ISO 8601), and `source` where they were
    published.
    """

    currency: str
    flavors: Mapping[str, Decimal] = field(default_factory=dict)
    volume_gib: Decimal | None = None
    volume_types: Mapping[str, Decimal] = field(default_factory=dict)
    floating_ip: Decimal | None = None
    load_balancer: Decimal | None = None
    profile: str | None = None
    date: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """The largest cost of all clusters per month, at their maximum size."""

    monthly: Decimal
    currency: str


@functools.cache
def profiles() -> tuple[str, ...]:
    """Return the names of all built-in profiles."""
    folder = resources.files(__package__).joinpath("price_profiles")
    return tuple(sorted(file.name.removesuffix(".toml") for file in folder.iterdir()))


@functools.cache
def profile(name: str) -> Prices:
    """Return a built-in profile; it is read on first use."""
    file = resources.files(__package__).joinpath("price_profiles", f"{name}.toml")
    data = tomllib.loads(file.read_text("utf-8"), parse_float=Decimal)
    return Prices(
        **_prices(data), currency=data["currency"], profile=name, date=data["date"], source=data["source"]
    )


def prices(data: str | Mapping[str, Any]) -> Prices:
    """Return the prices of a spec's `prices:`, which is valid according to the schema."""
    if isinstance(data, str):
        return profile(data)
    own = _prices(data)
    if "profile" not in data:
        return Prices(**own, currency=data["currency"])
    base = profile(data["profile"])
    return Prices(
        currency=data.get("currency", base.currency),
        flavors={**base.flavors, **own["flavors"]},
        volume_gib=_first(own["volume_gib"], base.volume_gib),
        volume_types={**base.volume_types, **own["volume_types"]},
        floating_ip=_first(own["floating_ip"], base.floating_ip),
        load_balancer=_first(own["load_balancer"], base.load_balancer),
        profile=base.profile,
        date=base.date,
        source=base.source,
    )


def budget(data: Mapping[str, Any]) -> Budget:
    """Return the budget of a spec, which is valid according to the schema."""
    return Budget(_exact(data["monthly"]), data["currency"])


def _prices(data: Mapping[str, Any]) -> dict[str, Any]:
    one = {key: data.get(key) for key in ("volume_gib", "floating_ip", "load_balancer")}
    return {
        **{key: None if value is None else _exact(value) for key, value in one.items()},
        **{
            key: {name: _exact(value) for name, value in data.get(key, {}).items()}
            for key in ("flavors", "volume_types")
        },
    }


def _exact(number: float | Decimal) -> Decimal:
    """Return the number as it is written, without the binary fraction of a float."""
    return Decimal(str(number))


def _first(own: Decimal | None, base: Decimal | None) -> Decimal | None:
    return base if own is None else own
