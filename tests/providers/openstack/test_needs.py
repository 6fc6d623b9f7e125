"""What clusters take of quotas: specs with their sums."""

from __future__ import annotations

import pytest

from kbootstrap.providers.cloud.needs import Flavor, Present
from kbootstrap.providers.openstack.needs import group_members, machines, needs

from .cloud import openstack

FLAVORS = {"small": Flavor(2, 4096, 20), "large": Flavor(4, 8192, 40), "tiny": Flavor(1, 1024, 10)}
PLAIN = {
    "instances": 5,
    "cores": 14,
    "ram": 28672,
    "networks": 1,
    "subnets": 2,
    "routers": 1,
    "ports": 10,  # 5 machines, a load balancer, 2 of the router, 2 of DHCP
    "floating_ips": 2,
    "security_groups": 2,
    "security_group_rules": 18,
    "load_balancers": 1,
}


@pytest.mark.parametrize(
    ("settings", "more", "difference"),
    [
        ("", "", {}),
        (
            "boot_volume: {size_gib: 30}",
            "",
            {"volumes": 5, "gigabytes": 150},
        ),
        (
            "bastion: {flavor: tiny}",
            "",
            {"instances": 6, "cores": 15, "ram": 29696, "ports": 11, "security_groups": 3}
            | {"security_group_rules": 20},
        ),
        ("bastion: none", "", {"floating_ips": 1, "security_group_rules": 17}),
        (
            "",
            "    api: {endpoint: floating_ip, allowed_cidrs: [203.0.113.0/24, 198.51.100.0/24]}\n",
            {"floating_ips": 1, "ports": 9, "load_balancers": 0, "security_group_rules": 19},
        ),
        (
            "",
            "    api: {endpoint: virtual_ip}\n",
            {"floating_ips": 2, "ports": 10, "load_balancers": 0},  # a port for it, and its floating IP
        ),
        (
            "existing: {network: n, control_plane_subnet: a, agents_subnet: b}",
            "",
            {"networks": 0, "subnets": 0, "routers": 0, "ports": 6},
        ),
        ("existing: {router: r}", "", {"routers": 0}),
        ("", "    ssh: {allowed_cidrs: [203.0.113.0/24, 198.51.100.0/24]}\n", {"security_group_rules": 19}),
        (
            "",
            "    ssh: {allowed_cidrs: [10.20.0.0/24]}\n    api: {allowed_cidrs: [10.20.0.0/16]}\n",
            {"security_group_rules": 16},  # both ranges are in the table already
        ),
        (
            "bastion: {flavor: tiny}",
            "    ssh: {allowed_cidrs: [10.20.0.0/24]}\n",
            {"instances": 6, "cores": 15, "ram": 29696, "ports": 11, "security_groups": 3}
            | {"floating_ips": 2, "security_group_rules": 20},
        ),
    ],
)
def test_sums(settings: str, more: str, difference: dict[str, int]) -> None:
    cluster = openstack(settings, more).clusters[0]
    wanted = {name: number for name, number in {**PLAIN, **difference}.items() if number}
    assert needs(cluster, FLAVORS, Present()) == wanted


def test_what_is_there_counts_no_more() -> None:
    cluster = openstack().clusters[0]
    everything = frozenset(machine.name for machine in machines(cluster))
    full = {name: number + 3 for name, number in PLAIN.items()}
    assert needs(cluster, FLAVORS, Present(everything, full)) == {}
    half = needs(cluster, FLAVORS, Present(everything - {"prod-web-2"}, {**full, "ports": 7}))
    assert half == {"instances": 1, "cores": 4, "ram": 8192, "ports": 1}


def test_what_neutron_adds_is_not_waited_for() -> None:
    """With OVN a network has no ports of DHCP, and a cloud may begin groups without rules."""
    cluster = openstack().clusters[0]
    everything = frozenset(machine.name for machine in machines(cluster))
    there = PLAIN | {"ports": 8, "security_group_rules": 14}
    assert needs(cluster, FLAVORS, Present(everything, there)) == {}
    lost = needs(cluster, FLAVORS, Present(everything, there | {"security_groups": 1}))
    assert lost == {"security_groups": 1, "security_group_rules": 2}


def test_groups() -> None:
    text = "    pools: [{name: web, flavor: large, nodes: 12, anti_affinity: soft}]\n"
    assert group_members(openstack().clusters[0]) == 0
    cluster = openstack(pools=text).clusters[0]
    assert needs(cluster, FLAVORS, Present())["server_groups"] == 2
    assert group_members(cluster) == 10


POOL = (
    "    pools: [{name: web, flavor: large, nodes: 2, volumes: [{name: data, size_gib: 50, mount: /data}]}]\n"
)


def test_volumes_outlive_their_machines() -> None:
    cluster = openstack("boot_volume: {size_gib: 30}", pools=POOL).clusters[0]
    wanted = needs(cluster, FLAVORS, Present())
    assert (wanted["volumes"], wanted["gigabytes"]) == (7, 5 * 30 + 2 * 50)
    everything = frozenset(machine.name for machine in machines(cluster))
    there = {"prod-web-1-data": 50, "prod-web-2-data": 50}
    lost = needs(cluster, FLAVORS, Present(everything - {"prod-web-2"}, PLAIN, there))
    assert (lost["volumes"], lost["gigabytes"]) == (1, 30)
    added = needs(cluster, FLAVORS, Present(everything, PLAIN, {"prod-web-1-data": 20}))
    assert (added["volumes"], added["gigabytes"]) == (1, 30 + 50)
    assert "volumes" not in needs(cluster, FLAVORS, Present(everything, PLAIN, there))


def test_autoscaled_pools_need_the_quota_of_their_maximum() -> None:
    pool = "{name: web, flavor: small, autoscaling: {min: 1, max: 4, flavors: [small, large]}}"
    (cluster,) = openstack(pools=f"    pools: [{pool}]\n").clusters
    every = machines(cluster)
    assert [(one.name, one.flavors) for one in every if one.elastic] == [
        ("prod-web-2", ("large",)),
        ("prod-web-3", ("large",)),
        ("prod-web-4", ("large",)),
    ]
    static = frozenset(one.name for one in every if not one.elastic)
    found = needs(cluster, FLAVORS, Present(machines=static))
    assert (found["instances"], found["cores"], found["ram"]) == (3, 12, 3 * 8192)
    # Machines that the autoscaler made have other names.
    found = needs(cluster, FLAVORS, Present(machines=static | {"prod-web-x7k2", "prod-web-p0q1"}))
    assert found["instances"] == 1
    found = needs(cluster, FLAVORS, Present(machines=static | {f"prod-web-x{n}" for n in range(5)}))
    assert "instances" not in found


def test_groups_of_autoscaled_pools_are_counted_at_their_maximum() -> None:
    pool = "{name: web, flavor: small, anti_affinity: soft, autoscaling: {min: 0, max: 12}}"
    (cluster,) = openstack(pools=f"    pools: [{pool}]\n").clusters
    assert group_members(cluster) == 10
    assert needs(cluster, FLAVORS, Present())["server_groups"] == 2
