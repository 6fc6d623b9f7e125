"""Clusters of tests keep clear of every network that the machine has already."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import IPv4Network
from pathlib import Path

from tests.e2e import ranges

ROUTES = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
br-1\t0000ED0A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
INSPECTED = '[{"IPAM": {"Config": [{"Subnet": "10.129.4.0/22", "Gateway": "10.129.4.1"}]}}]'

ASK = "import sys; sys.exit(not claim(pathlib.Path(sys.argv[1])))"


def test_routes_and_container_networks_are_read() -> None:
    assert ranges.routes(ROUTES) == {IPv4Network("10.237.0.0/16")}
    assert ranges.networks(INSPECTED) == {IPv4Network("10.129.4.0/22")}


def test_taken_ranges_are_left_out() -> None:
    used = {IPv4Network("10.237.0.0/16"), IPv4Network("10.129.4.0/22"), IPv4Network("10.200.0.0/14")}
    found = ranges.choose(used)
    assert not {*found} & {237, 129, 200, 201, 202, 203}
    assert len(found) > 100


def test_a_range_is_one_processs(tmp_path: Path) -> None:
    path = tmp_path / "200"
    words = (sys.executable, "-c", f"import pathlib; from tests.e2e.ranges import claim; {ASK}", path)
    assert subprocess.run(words, check=False).returncode == 0
    assert ranges.claim(path), "the other process has ended"
    assert subprocess.run(words, check=False).returncode == 1
    assert not ranges.claim(path)


def test_each_caller_gets_another_range() -> None:
    found = {ranges.free() for _ in range(5)}
    assert len(found) == 5
    assert not {IPv4Network(f"{one}.0.0/16") for one in found} & ranges.taken()
