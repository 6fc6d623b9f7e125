"""Estimates the cost of a cluster from its spec, its extras and prices. Pure.

At the largest size, machines above `min` are counted with the most expensive flavor of their pool: a budget
must hold for every choice of the autoscaler.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.cost.model import ClusterCost, CostRow, Extras, Kind, PoolSize, Sizes, Unpriced
from kbootstrap.spec.model import Cluster, Pool, Spec, flavor_path
from kbootstrap.spec.prices import HOURS_PER_MONTH, Prices

Present = Mapping[str, Mapping[str, int]]
"""The present machines of a cluster: their number by flavor, by pool."""
_NOTHING = Decimal(0)
_OTHERS: Mapping[Kind, tuple[str, str]] = {
    "volumes": ("volumes", "volume_gib"),
    "floating-ips": ("floating IPs", "floating_ip"),
    "load-balancers": ("load balancers", "load_balancer"),
}
"""The words for what is not a machine, and its key in `prices:`."""


def sizes(cluster: Cluster, now: Present) -> tuple[PoolSize, ...]:
    """Return the bounds and the present size of every pool, the control plane first."""
    return tuple(
        PoolSize(
            pool=pool.name,
            flavors=pool.flavors,
            min=pool.nodes,
            now=sum(now.get(pool.name, {}).values()),
            max=pool.capacity,
            autoscaled=pool.autoscaling is not None,
        )
        for pool in _pools(cluster)
    )


def estimate(spec: Spec, cluster: Cluster, extras: Extras, prices: Prices, now: Present) -> ClusterCost:
    """Return the cost of a cluster. Without present machines it costs nothing now."""
    exists = int(any(sum(flavors.values()) for flavors in now.values()))
    rows = [_machines(pool, prices, now.get(pool.name, {})) for pool in _pools(cluster)]
    rows += [
        _row("machines", name, _priced(prices, (flavor,)), Sizes(1, exists, 1), (flavor,))
        for name, flavor in extras.machines
    ]
    for type_, gib in _volumes(cluster, extras, now).items():
        price = prices.volume_types.get(type_, prices.volume_gib)
        rows.append(_row("volumes", type_, () if price is None else (price,), gib))
    others: tuple[tuple[Kind, int, Decimal | None], ...] = (
        ("floating-ips", extras.floating_ips, prices.floating_ip),
        ("load-balancers", extras.load_balancers, prices.load_balancer),
    )
    for kind, number, price in others:
        if number:
            count = Sizes(number, number * exists, number)
            rows.append(_row(kind, "", () if price is None else (price,), count))
    known = [row.monthly for row in rows if row.monthly is not None]
    total = Sizes(
        sum((one.min for one in known), _NOTHING),
        sum((one.now for one in known), _NOTHING),
        sum((one.max for one in known), _NOTHING),
    )
    return ClusterCost(
        cluster.name, tuple(rows), total, tuple(_unpriced(spec, cluster, extras, prices, rows))
    )


def _pools(cluster: Cluster) -> tuple[Pool, ...]:
    return tuple(pool for pool in (cluster.control_plane, *cluster.pools) if pool.capacity)


def _priced(prices: Prices, flavors: tuple[str, ...]) -> tuple[Decimal, ...]:
    return tuple(prices.flavors[name] for name in flavors if name in prices.flavors)


def _row(
    kind: Kind,
    name: str,
    known: tuple[Decimal, ...],
    count: Sizes[int],
    flavors: tuple[str, ...] = (),
) -> CostRow:
    """Return a row of things of one price."""
    hourly = (min(known), max(known)) if known else None
    monthly = count.map(lambda number: number * known[0] * HOURS_PER_MONTH) if known else None
    return CostRow(kind, name, flavors, hourly, count, monthly)


def _machines(pool: Pool, prices: Prices, now: Mapping[str, int]) -> CostRow:
    """Return the row of a pool's machines; without a price if its own flavor has none."""
    count = Sizes(pool.nodes, sum(now.values()), pool.capacity)
    known = _priced(prices, pool.flavors)
    own = prices.flavors.get(pool.flavor or "")
    if own is None:
        return CostRow("machines", pool.name, pool.flavors, None, count, None)
    least = pool.nodes * own
    present = sum((number * prices.flavors.get(name, own) for name, number in now.items()), _NOTHING)
    most = least + (pool.capacity - pool.nodes) * max(known)
    monthly = Sizes(least, present, most).map(lambda hourly: hourly * HOURS_PER_MONTH)
    return CostRow("machines", pool.name, pool.flavors, (min(known), max(known)), count, monthly)


def _volumes(cluster: Cluster, extras: Extras, now: Present) -> dict[str, Sizes[int]]:
    """Return the GiB of volumes by type; the default type is empty."""
    found: dict[str, Counter[str]] = {}

    def add(type_: str | None, gib: int, least: int, present: int, most: int) -> None:
        sums = found.setdefault(type_ or "", Counter())
        sums.update({"min": gib * least, "now": gib * present, "max": gib * most})

    others = len(extras.machines) * int(any(sum(flavors.values()) for flavors in now.values()))
    for pool in _pools(cluster):
        present = sum(now.get(pool.name, {}).values())
        for volume in pool.volumes:
            add(volume.type, volume.size_gib, pool.nodes, present, pool.capacity)
        if extras.boot:
            add(extras.boot[1], extras.boot[0], pool.nodes, present, pool.capacity)
    if extras.boot and extras.machines:
        add(extras.boot[1], extras.boot[0], len(extras.machines), others, len(extras.machines))
    return {name: Sizes(sums["min"], sums["now"], sums["max"]) for name, sums in found.items()}


def _unpriced(
    spec: Spec, cluster: Cluster, extras: Extras, prices: Prices, rows: list[CostRow]
) -> Iterator[Unpriced]:
    """Yield everything without a price once, with the place in the spec that needs it."""
    base: SpecPath = ("clusters", cluster.name)
    provider: SpecPath = (*base, "provider", cluster.provider.name)
    places: dict[str, SpecPath] = {}
    for pool in _pools(cluster):
        for index, flavor in enumerate(pool.flavors):
            places.setdefault(flavor, flavor_path(spec, cluster, pool, index))
    for _, flavor in extras.machines:
        places.setdefault(flavor, provider)
    for flavor, path in places.items():
        if flavor not in prices.flavors:
            yield Unpriced(f"flavor {flavor}", f"flavors: {{{flavor}: …}}", path)
    for row in rows:
        if row.monthly is None and row.kind != "machines":
            words, key = _OTHERS[row.kind]
            yield Unpriced(f"{words} of type {row.name}" if row.name else words, f"{key}: …", base)
