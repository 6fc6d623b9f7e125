"""The quota that the missing machines of a cluster need. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.providers.cloud.inventory import bastion_name
from kbootstrap.spec.model import Cluster, Pool, pool_path

OF_MACHINES = ("instances", "cores", "ram", "volumes", "gigabytes")
"""Resources of machines; all others belong to the cluster as a whole."""


@dataclass(frozen=True, slots=True)
class Flavor:
    """The resources of a flavor: virtual cores, memory in MiB, root disk in GiB."""

    cores: int
    ram: int
    disk: int


@dataclass(frozen=True, slots=True)
class Present:
    """The existing resources of a cluster: the names of its machines, and the count of every other resource.

    `volumes` has the sizes (GiB) of extra volumes by name. They are kept if their machine is deleted.
    """

    machines: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    volumes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Requirements:
    """One machine: its name, flavor, the size of its boot volume and those of extra ones by name, in GiB.

    `flavors` are further flavors that it may have instead. `elastic`: it is one of those that an autoscaled
    pool may have above its minimum, and its name is only a placeholder.
    """

    name: str
    flavor: str
    boot: int | None
    volumes: Mapping[str, int] = field(default_factory=dict)
    flavors: tuple[str, ...] = ()
    elastic: bool = False


def machines(cluster: Cluster, *, boot: int | None, bastion: str | None) -> tuple[Requirements, ...]:
    """Return all machines of a cluster. Autoscaled pools count with their maximum.

    `boot` is the size of boot volumes (GiB) if machines have them, `bastion` the flavor of a dedicated
    bastion machine.
    """
    found = [
        Requirements(
            name := f"{cluster.name}-{pool.born}-{ordinal}",
            pool.flavor or "",
            boot,
            {f"{name}-{volume.name}": volume.size_gib for volume in pool.volumes},
            pool.flavors[1:] if ordinal > pool.nodes else (),
            ordinal > pool.nodes,
        )
        for pool in (cluster.control_plane, *cluster.pools)
        for ordinal in range(1, pool.capacity + 1)
    ]
    if bastion is not None:
        found.append(Requirements(bastion_name(cluster), bastion, boot))
    return tuple(found)


def needs(
    every: Sequence[Requirements], others: Mapping[str, int], flavors: Mapping[str, Flavor], present: Present
) -> dict[str, int]:
    """Return how much of each resource must still be created. Contains no zero values.

    `every` are all machines, `others` the totals of resources outside machines. Flavors that the cloud does
    not have count as zero: a separate finding reports them. A machine that may have several flavors counts
    with the largest. Present machines that are none of the named ones count as elastic.
    """
    missing = _missing(every, present)
    boots = [machine.boot for machine in missing if machine.boot]
    extra = {name: size for machine in every for name, size in machine.volumes.items()}
    growing = (size - present.volumes.get(name, 0) for name, size in extra.items())
    sums = {
        "instances": len(missing),
        "cores": sum(max(one.cores for one in _choices(machine, flavors)) for machine in missing),
        "ram": sum(max(one.ram for one in _choices(machine, flavors)) for machine in missing),
        "volumes": len(boots) + len(extra.keys() - present.volumes.keys()),
        "gigabytes": sum(boots) + sum(size for size in growing if size > 0),
    }
    for name, number in others.items():
        sums[name] = number - present.counts.get(name, 0)
    return {name: number for name, number in sums.items() if number > 0}


def _missing(every: Sequence[Requirements], present: Present) -> list[Requirements]:
    named = {machine.name for machine in every if not machine.elastic}
    there = len(present.machines - named)
    elastic = [machine for machine in every if machine.elastic]
    return [m for m in every if not m.elastic and m.name not in present.machines] + elastic[there:]


def _choices(machine: Requirements, flavors: Mapping[str, Flavor]) -> list[Flavor]:
    return [flavors.get(name, Flavor(0, 0, 0)) for name in (machine.flavor, *machine.flavors)]


def largest(cluster: Cluster, name: str, flavors: Mapping[str, Flavor], boot: int | None) -> SpecPath:
    """Return the spec path of the pool that uses most of a resource, or of the cluster if no pool uses it."""
    if name not in OF_MACHINES:
        return ("clusters", cluster.name)
    boots = (boot,) if boot else ()

    def taken(pool: Pool) -> int:
        one = flavors.get(pool.flavor or "", Flavor(1, 1, 0))
        sizes = (*boots, *(volume.size_gib for volume in pool.volumes))
        each = {"cores": one.cores, "ram": one.ram, "volumes": len(sizes), "gigabytes": sum(sizes)}
        return int(pool.capacity * each.get(name, 1))

    pools = (cluster.control_plane, *cluster.pools)
    return pool_path(cluster, max(pools, key=taken))
