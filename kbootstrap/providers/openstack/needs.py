"""The quota that a cluster still needs: totals per resource, minus existing resources. Pure.

The totals follow `terraform-modules/openstack/`. Resources that Neutron adds to a network or group count only
if the network or group does not exist yet, because clouds differ: DHCP ports (two is the usual number of
agents, `dhcp_agents_per_network`; OVN creates one or none) and the default rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from math import ceil

from kbootstrap.cost.model import Extras
from kbootstrap.providers.cloud.exposure import ranges
from kbootstrap.providers.cloud.needs import Flavor, Present, Requirements
from kbootstrap.providers.cloud.needs import machines as every
from kbootstrap.providers.cloud.needs import needs as sums
from kbootstrap.providers.openstack.names import GROUP_MEMBERS
from kbootstrap.providers.openstack.render_network import kind
from kbootstrap.providers.openstack.settings import BastionMachine, settings
from kbootstrap.render.root import api_ports, pod_ports
from kbootstrap.spec.model import Cluster, Pool

_DHCP = 2
_RULES = 9
"""Rules in the table of the module `security`, without those of API and SSH, with one port for pods."""
_EGRESS = 2
"""Default rules that Neutron adds to each group."""


def machines(cluster: Cluster) -> tuple[Requirements, ...]:
    """Return all machines of a cluster, including the bastion. Autoscaled pools have their maximum."""
    bastion = settings(cluster).bastion
    own = bastion.flavor if isinstance(bastion, BastionMachine) else None
    return every(cluster, boot=boot_size(cluster), bastion=own)


def boot_size(cluster: Cluster) -> int | None:
    """Return the size of boot volumes in GiB; None if flavors have a disk."""
    volume = settings(cluster).boot_volume
    return volume.size_gib if volume else None


def needs(cluster: Cluster, flavors: Mapping[str, Flavor], present: Present) -> dict[str, int]:
    """Return how much of each resource must still be created. Contains no zero values."""
    return sums(machines(cluster), _others(cluster, present), flavors, present)


def extras(cluster: Cluster) -> Extras:
    """Return what the cluster pays for beside the machines and volumes of its pools."""
    totals, volume = _others(cluster, Present()), settings(cluster).boot_volume
    bastion = settings(cluster).bastion
    return Extras(
        machines=(("bastion", bastion.flavor),) if isinstance(bastion, BastionMachine) else (),
        boot=(volume.size_gib, volume.type) if volume else None,
        floating_ips=totals["floating_ips"],
        load_balancers=totals["load_balancers"],
    )


def group_members(cluster: Cluster) -> int:
    """Return the largest number of machines in one server group; 0 if there are no groups."""
    return max((min(pool.capacity, GROUP_MEMBERS) for pool in _grouped(cluster)), default=0)


def _others(cluster: Cluster, present: Present) -> dict[str, int]:
    """Return the totals of all resources outside machines."""
    chosen, endpoint = settings(cluster), kind(cluster)
    new_network = chosen.existing is None or chosen.existing.network is None
    router = new_network and (chosen.existing is None or chosen.existing.router is None)
    balancers = int(endpoint == "load_balancer") + len(cluster.load_balancers)
    shared = int(endpoint == "virtual_ip")
    on_server = chosen.bastion == "server" or endpoint == "floating_ip"
    bastion = isinstance(chosen.bastion, BastionMachine)
    dhcp = _DHCP * int(new_network and not present.counts.get("networks"))
    groups = 2 + int(bastion)
    new_groups = max(groups - present.counts.get("security_groups", 0), 0)
    return {
        "networks": int(new_network),
        "subnets": 2 * int(new_network),
        "routers": int(router),
        "ports": len(machines(cluster)) + balancers + shared + 2 * int(new_network) + dhcp,
        "floating_ips": int(on_server) + int(bastion) + balancers + shared,
        "security_groups": groups,
        "security_group_rules": _rules(cluster) + _EGRESS * new_groups,
        "server_groups": sum(map(_groups, _grouped(cluster))),
        "load_balancers": balancers,
    }


def _rules(cluster: Cluster) -> int:
    """Count the ingress rules. Equal ranges for one port are one rule, as in the module."""
    chosen, known = settings(cluster), cluster.network
    nodes, servers = ({str(known.cidr)}, {str(known.control_plane)}) if known else ({"nodes"}, {"servers"})
    more_ports = len(api_ports(cluster)) - 1 + 2 * (len(pod_ports(cluster)) - 1)
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


def _groups(pool: Pool) -> int:
    """Count the server groups of a pool: elastic machines have groups of their own."""
    return ceil(pool.nodes / GROUP_MEMBERS) + ceil((pool.capacity - pool.nodes) / GROUP_MEMBERS)


def _grouped(cluster: Cluster) -> Iterator[Pool]:
    pools: Collection[Pool] = (cluster.control_plane, *cluster.pools)
    return (pool for pool in pools if pool.anti_affinity != "none" and pool.capacity > 0)
