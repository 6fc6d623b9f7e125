"""The security groups open every path that a distribution's nodes need (`kbootstrap/distros/paths.py`)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kbootstrap import distros
from kbootstrap.distros.model import Distribution, Role
from kbootstrap.distros.paths import paths
from kbootstrap.spec.topology import API_PORT

RULES = Path(__file__).parents[3] / "terraform-modules" / "openstack" / "security" / "rules.tf"
ROW = re.compile(
    r'\{ from = "(nodes|control_plane)", to = "(\w+)", protocol = "(\w+)", ports = \[(\d+), (\d+)\] \}'
)
GROUPS: dict[Role, str] = {"server": "control_plane", "agent": "agents"}


def opened(source: Role, target: Role, protocol: str, port: int) -> bool:
    return any(
        found in ("nodes", GROUPS[source])
        and (to, kind.upper()) == (GROUPS[target], protocol)
        and int(low) <= port <= int(high)
        for found, to, kind, low, high in ROW.findall(RULES.read_text("utf-8"))
    )


@pytest.mark.parametrize("distro", distros.every(), ids=lambda one: one.name)
@pytest.mark.parametrize("source", GROUPS)
@pytest.mark.parametrize("target", GROUPS)
def test_every_path_is_open(distro: Distribution, source: Role, target: Role) -> None:
    api = {API_PORT, distro.registration_port} if target == "server" else set()
    needed = [one for one in paths(distro, source, target) if one.number not in api]
    closed = [str(one) for one in needed if not opened(source, target, one.protocol, one.number)]
    assert not closed
    assert not api - {one.number for one in paths(distro, source, target)}, "the table lacks a port"


def test_nothing_else_of_nodes_is_open_but_node_ports() -> None:
    known = {
        (GROUPS[target], one.protocol, one.number)
        for distro in distros.every()
        for source in GROUPS
        for target in GROUPS
        for one in paths(distro, source, target)
    }
    rows = ROW.findall(RULES.read_text("utf-8"))
    opened = {(to, kind.upper(), int(p)) for _, to, kind, *ends in rows for p in ends if int(p) < 30000}
    assert {one for one in opened if one[2] != 22} <= known
