"""What the machines of a cluster take of a project's quotas: sums, less what is there already. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.providers.cloud.inventory import bastion_name
from kbootstrap.spec.model import Cluster, Pool, pool_path

OF_MACHINES = ("instances", "cores", "ram", "volumes", "gigabytes")
"""Resources that machines take; the others belong to the cluster as a whole."""


@dataclass(frozen=True, slots=True)
class Flavor:
    """What a machine of a flavor takes: virtual cores, memory in MiB, root disk in GiB."""

    cores: int
    ram: int
    disk: int


@dataclass(frozen=True, slots=True)
class Present:
    """What a cluster has already: the names of its machines, and the number of every other resource.

    `volumes` are the sizes (GiB) of extra volumes by name: they stay when their machine is gone.
    """

    machines: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    volumes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Requirements:
    """One machine: its name, flavor, the size of its boot volume and those of extra ones by name, in GiB."""

    name: str
    flavor: str
    boot: int | None
    volumes: Mapping[str, int] = field(default_factory=dict)


def machines(cluster: Cluster, *, boot: int | None, bastion: str | None) -> tuple[Requirements, ...]:
    """Return every machine of a cluster. Pools that grow count as they begin.

    `boot` is the size of boot volumes (GiB) where machines have such, `bastion` the flavor of a bastion that
    is a machine of its own.
    """
    found = [
        Requirements(
            name := f"{cluster.name}-{pool.born}-{ordinal}",
            pool.flavor or "",
            boot,
            {f"{name}-{volume.name}": volume.size_gib for volume in pool.volumes},
        )
        for pool in (cluster.control_plane, *cluster.pools)
        for ordinal in range(1, pool.nodes + 1)
    ]
    if bastion is not None:
        found.append(Requirements(bastion_name(cluster), bastion, boot))
    return tuple(found)


def needs(
    every: Sequence[Requirements], others: Mapping[str, int], flavors: Mapping[str, Flavor], present: Present
) -> dict[str, int]:
    """Return how much of each resource must still be created; nothing is 0 in it.

    `every` are all machines, `others` the sums of everything that is no part of a machine. Flavors that the
    cloud does not have count as nothing: a finding of its own names them.
    """
    nothing = Flavor(0, 0, 0)
    missing = [machine for machine in every if machine.name not in present.machines]
    boots = [machine.boot for machine in missing if machine.boot]
    extra = {name: size for machine in every for name, size in machine.volumes.items()}
    growing = (size - present.volumes.get(name, 0) for name, size in extra.items())
    sums = {
        "instances": len(missing),
        "cores": sum(flavors.get(machine.flavor, nothing).cores for machine in missing),
        "ram": sum(flavors.get(machine.flavor, nothing).ram for machine in missing),
        "volumes": len(boots) + len(extra.keys() - present.volumes.keys()),
        "gigabytes": sum(boots) + sum(size for size in growing if size > 0),
    }
    for name, number in others.items():
        sums[name] = number - present.counts.get(name, 0)
    return {name: number for name, number in sums.items() if number > 0}


def largest(cluster: Cluster, name: str, flavors: Mapping[str, Flavor], boot: int | None) -> SpecPath:
    """Return the pool that takes most of a resource; the cluster for what no pool takes."""
    if name not in OF_MACHINES:
        return ("clusters", cluster.name)
    boots = (boot,) if boot else ()

    def taken(pool: Pool) -> int:
        one = flavors.get(pool.flavor or "", Flavor(1, 1, 0))
        sizes = (*boots, *(volume.size_gib for volume in pool.volumes))
        each = {"cores": one.cores, "ram": one.ram, "volumes": len(sizes), "gigabytes": sum(sizes)}
        return int(pool.nodes * each.get(name, 1))

    pools = (cluster.control_plane, *cluster.pools)
    return pool_path(cluster, max(pools, key=taken))
