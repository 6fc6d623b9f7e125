"""What a cluster takes of a project's quotas: sums per resource, less what is there already. Pure.

The sums are those of `terraform-modules/openstack/`. What Neutron adds to a network or group counts only
while that is still to be made, because clouds differ in it: DHCP ports (two is the usual number of agents,
`dhcp_agents_per_network`; OVN makes one or none) and the first rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil

from kbootstrap.distros import find as find_distribution
from kbootstrap.providers.openstack.names import GROUP_MEMBERS
from kbootstrap.providers.openstack.render_network import kind, ranges
from kbootstrap.providers.openstack.settings import BastionMachine, settings
from kbootstrap.render.root import API_PORT
from kbootstrap.spec.model import Cluster, Pool

_DHCP = 2
_RULES = 9
"""Rows of the table in the module `security` besides those of the API and SSH."""
_EGRESS = 2
"""Rules with which Neutron begins each group."""


@dataclass(frozen=True, slots=True)
class Flavor:
    """What a machine of a flavor takes: virtual cores, memory in MiB, root disk in GiB."""

    cores: int
    ram: int
    disk: int


@dataclass(frozen=True, slots=True)
class Present:
    """What a cluster has already: the names of its machines, and the number of every other resource.

    Without what Neutron itself adds: ports of DHCP, rules for what leaves a machine. `volumes` are the sizes
    (GiB) of extra volumes by name: they stay when their machine is gone.
    """

    machines: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    volumes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One machine: its name, flavor, the size of its boot volume and those of extra ones by name, in GiB."""

    name: str
    flavor: str
    boot: int | None
    volumes: Mapping[str, int] = field(default_factory=dict)


def machines(cluster: Cluster) -> tuple[Wanted, ...]:
    """Return every machine of a cluster, the bastion too. Pools that grow count as they begin."""
    chosen = settings(cluster)
    boot = chosen.boot_volume.size_gib if chosen.boot_volume else None
    found = [
        Wanted(
            name := f"{cluster.name}-{pool.born}-{ordinal}",
            pool.flavor or "",
            boot,
            {f"{name}-{volume.name}": volume.size_gib for volume in pool.volumes},
        )
        for pool in (cluster.control_plane, *cluster.pools)
        for ordinal in range(1, pool.nodes + 1)
    ]
    if isinstance(chosen.bastion, BastionMachine):
        found.append(Wanted(f"{cluster.name}-bastion", chosen.bastion.flavor, boot))
    return tuple(found)


def needs(cluster: Cluster, flavors: Mapping[str, Flavor], present: Present) -> dict[str, int]:
    """Return how much of each resource must still be made; nothing is 0 in it.

    Flavors that the cloud does not have count as nothing: they are told elsewhere.
    """
    every = machines(cluster)
    missing = [machine for machine in every if machine.name not in present.machines]
    boots = [machine.boot for machine in missing if machine.boot]
    extra = {name: size for machine in every for name, size in machine.volumes.items()}
    growing = (size - present.volumes.get(name, 0) for name, size in extra.items())
    sums = {
        "instances": len(missing),
        "cores": sum(_flavor(flavors, machine).cores for machine in missing),
        "ram": sum(_flavor(flavors, machine).ram for machine in missing),
        "volumes": len(boots) + len(extra.keys() - present.volumes.keys()),
        "gigabytes": sum(boots) + sum(size for size in growing if size > 0),
    }
    for name, number in _others(cluster, present).items():
        sums[name] = number - present.counts.get(name, 0)
    return {name: number for name, number in sums.items() if number > 0}


def group_members(cluster: Cluster) -> int:
    """Return the largest number of machines in one server group; 0 where there are no groups."""
    return max((min(pool.nodes, GROUP_MEMBERS) for pool in _grouped(cluster)), default=0)


def _others(cluster: Cluster, present: Present) -> dict[str, int]:
    """Return the sums of everything that is no part of a machine."""
    chosen, endpoint = settings(cluster), kind(cluster)
    made = chosen.existing is None or chosen.existing.network is None
    router = made and (chosen.existing is None or chosen.existing.router is None)
    balancers = int(endpoint == "load_balancer") + len(cluster.load_balancers)
    shared = int(endpoint == "virtual_ip")
    on_server = chosen.bastion == "server" or endpoint == "floating_ip"
    bastion = isinstance(chosen.bastion, BastionMachine)
    dhcp = _DHCP * int(made and not present.counts.get("networks"))
    groups = 2 + int(bastion)
    new_groups = max(groups - present.counts.get("security_groups", 0), 0)
    return {
        "networks": int(made),
        "subnets": 2 * int(made),
        "routers": int(router),
        "ports": len(machines(cluster)) + balancers + shared + 2 * int(made) + dhcp,
        "floating_ips": int(on_server) + int(bastion) + balancers + shared,
        "security_groups": groups,
        "security_group_rules": _rules(cluster) + _EGRESS * new_groups,
        "server_groups": sum(ceil(pool.nodes / GROUP_MEMBERS) for pool in _grouped(cluster)),
        "load_balancers": balancers,
    }


def _rules(cluster: Cluster) -> int:
    """Count the ingress rules; a range that two rows name for one port is one rule, as in the module."""
    chosen, known = settings(cluster), cluster.network
    nodes, servers = ({str(known.cidr)}, {str(known.control_plane)}) if known else ({"nodes"}, {"servers"})
    more_ports = int(find_distribution(cluster.kubernetes.distribution).registration_port != API_PORT)
    direct = kind(cluster) != "load_balancer" or chosen.load_balancer.provider != "amphora"
    api = nodes | (set(ranges(cluster.api.allowed_cidrs)) if direct else set())
    admins = set(ranges(cluster.ssh.allowed_cidrs))
    if chosen.bastion == "none":
        ssh = 2 * len(admins)
    elif chosen.bastion == "server":
        ssh = len(admins | servers) + 1
    else:
        ssh = len(admins) + 2
    return _RULES + more_ports + len(api) + ssh


def _grouped(cluster: Cluster) -> Iterator[Pool]:
    pools: Collection[Pool] = (cluster.control_plane, *cluster.pools)
    return (pool for pool in pools if pool.anti_affinity != "none" and pool.nodes > 0)


def _flavor(flavors: Mapping[str, Flavor], machine: Wanted) -> Flavor:
    return flavors.get(machine.flavor, Flavor(0, 0, 0))
