"""The pools and groups of a cluster for a simulation, from its spec and the sizes of flavors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import SpecInvalid
from kbootstrap.simulation import quantities
from kbootstrap.simulation.model import SimulatedGroup, SimulatedPool
from kbootstrap.simulation.quantities import Size
from kbootstrap.spec.model import Cluster, Pool, Spec, flavor_path

_KEEPS_PODS_AWAY = {"NoSchedule", "NoExecute"}


def groups(
    spec: Spec, cluster: Cluster, sizes: Mapping[str, Size], reserved: Size
) -> tuple[tuple[SimulatedPool, ...], tuple[SimulatedGroup, ...]]:
    """Return the pools and the groups of their flavors.

    `sizes` are those of flavors that the program does not know, `reserved` what pods cannot use of every
    node. Raises `SpecInvalid` for flavors of unknown size. A pool whose machines have no flavor has one group
    with the name of the pool.
    """
    pools: list[SimulatedPool] = []
    found: list[SimulatedGroup] = []
    problems: list[Diagnostic] = []
    for pool in cluster.pools:
        if not pool.capacity:
            continue
        own = []
        for index, flavor in enumerate(pool.flavors or (pool.name,)):
            size = sizes.get(flavor) or quantities.of_flavor(flavor)
            if size is None:
                problems.append(_unknown(spec, cluster, pool, index, flavor))
                continue
            own.append(len(found))
            room = Size(max(size.cpu - reserved.cpu, 0), max(size.memory - reserved.memory, 0))
            price = spec.prices.flavors.get(flavor) if spec.prices else None
            found.append(SimulatedGroup(len(pools), flavor, room, price))
        pools.append(_pool(pool, tuple(own)))
    if problems:
        raise SpecInvalid("the size of a flavor is not known", diagnostics=tuple(dict.fromkeys(problems)))
    return tuple(pools), tuple(found)


def _pool(pool: Pool, own: tuple[int, ...]) -> SimulatedPool:
    reserved = any(taint.effect in _KEEPS_PODS_AWAY for taint in pool.taints)
    made = SimulatedPool(pool.name, pool.nodes, pool.capacity, own, reserved=reserved)
    scaled = pool.autoscaling
    return replace(made, priority=scaled.priority, idle=scaled.scale_down_after) if scaled else made


def _unknown(spec: Spec, cluster: Cluster, pool: Pool, index: int, flavor: str) -> Diagnostic:
    what = f"flavor {flavor}" if pool.flavors else f"the machines of pool {flavor}"
    return Diagnostic(
        "KB0431",
        f"The simulation does not know the processors and the memory of {what}.",
        f"Add `--flavor {flavor}=4/16Gi` with its processors and memory.",
        spec.source.value(flavor_path(spec, cluster, pool, index)),
    )
