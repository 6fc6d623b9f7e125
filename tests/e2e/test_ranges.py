"""Clusters of tests keep clear of every network that the machine has already."""

from __future__ import annotations

from ipaddress import IPv4Network

from tests.e2e import ranges

ROUTES = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
br-1\t0000ED0A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
INSPECTED = '[{"IPAM": {"Config": [{"Subnet": "10.129.4.0/22", "Gateway": "10.129.4.1"}]}}]'


def test_routes_and_container_networks_are_read() -> None:
    assert ranges.routes(ROUTES) == {IPv4Network("10.237.0.0/16")}
    assert ranges.networks(INSPECTED) == {IPv4Network("10.129.4.0/22")}


def test_taken_ranges_are_left_out_and_workers_get_different_ones() -> None:
    used = {IPv4Network("10.237.0.0/16"), IPv4Network("10.129.4.0/22"), IPv4Network("10.200.0.0/14")}
    workers = [set(ranges.choose(used, number, 2)) for number in (0, 1)]
    assert not workers[0] & workers[1]
    assert not (workers[0] | workers[1]) & {237, 129, 200, 201, 202, 203}
    assert min(map(len, workers)) > 50
    later = used | {IPv4Network("10.128.0.0/16"), IPv4Network("10.131.0.0/16")}
    assert not workers[0] & set(ranges.choose(later, 1, 2)), "also when one worker looks later"


def test_each_caller_gets_another_range() -> None:
    found = {ranges.free() for _ in range(5)}
    assert len(found) == 5
    assert not {IPv4Network(f"{one}.0.0/16") for one in found} & ranges.taken()
