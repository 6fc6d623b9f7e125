"""The cost of a cluster as data. Amounts are per month (730 hours) and without taxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Literal, TypeVar

from kbootstrap.core.diagnostics import SpecPath

Kind = Literal["machines", "volumes", "floating-ips", "load-balancers"]
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Sizes(Generic[T]):
    """A value at the smallest, the present and the largest size of a cluster."""

    min: T
    now: T
    max: T

    def map(self, function: Callable[[T], U]) -> Sizes[U]:
        """Return the results of a function for the three values."""
        return Sizes(function(self.min), function(self.now), function(self.max))


@dataclass(frozen=True, slots=True)
class Extras:
    """What the infrastructure of a cluster has beside the machines and volumes of its pools.

    `machines` are the flavors of other machines by their name (a bastion). `boot` is the boot volume of every
    machine: GiB and type, None for the default type; None if machines boot from the disk of their flavor.
    """

    machines: tuple[tuple[str, str], ...] = ()
    boot: tuple[int, str | None] | None = None
    floating_ips: int = 0
    load_balancers: int = 0


@dataclass(frozen=True, slots=True)
class PoolSize:
    """The size of one pool: its bounds, which are equal without autoscaling, and its present machines."""

    pool: str
    flavors: tuple[str, ...]
    min: int
    now: int
    max: int
    autoscaled: bool


@dataclass(frozen=True, slots=True)
class CostRow:
    """One line of the price table.

    `name` is that of a pool or machine, or a volume type; empty where there is one kind only. `hourly` is the
    price of one machine, GiB or address, the lowest and the highest of `flavors`; None if it is not known,
    and then `monthly` is None too. `count` is in machines, GiB or addresses.
    """

    kind: Kind
    name: str
    flavors: tuple[str, ...]
    hourly: tuple[Decimal, Decimal] | None
    count: Sizes[int]
    monthly: Sizes[Decimal] | None


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Something without a price: `what` in words, `key` as it is written in `prices:`, `path` its cause."""

    what: str
    key: str
    path: SpecPath


@dataclass(frozen=True, slots=True)
class ClusterCost:
    """The cost of one cluster. `total` is the sum of the rows that have a price."""

    cluster: str
    rows: tuple[CostRow, ...]
    total: Sizes[Decimal]
    unpriced: tuple[Unpriced, ...] = ()
