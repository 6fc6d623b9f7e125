"""The security groups open every path that a distribution's nodes need (`kbootstrap/distros/paths.py`)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap import distros
from kbootstrap.distros.model import Role
from kbootstrap.distros.paths import paths
from kbootstrap.providers.openstack.render_network import security
from kbootstrap.render.root import pod_ports
from kbootstrap.spec.model import Cluster, ProviderSpec
from kbootstrap.spec.topology import API_PORT
from tests.distros.samples import cluster

FOLDER = Path(__file__).parents[3] / "terraform-modules" / "openstack" / "security"
RULES = (FOLDER / "rules.tf").read_text("utf-8")
ROW = re.compile(
    r'\{ from = "(nodes|control_plane)", to = "(\w+)", protocol = "(\w+)", ports = \[(\d+), (\d+)\] \}'
)
GROUPS: dict[Role, str] = {"server": "control_plane", "agent": "agents"}
CLUSTERS = {
    "k3s": cluster(),
    **{
        name: cluster(distribution="rke2", version="v1.32.1+rke2r1", cni=name)
        for name in ("canal", "cilium", "calico", "flannel", "none")
    },
}


def opened(source: Role, target: Role, protocol: str, port: int) -> bool:
    return any(
        found in ("nodes", GROUPS[source])
        and (to, kind.upper()) == (GROUPS[target], protocol)
        and int(low) <= port <= int(high)
        for found, to, kind, low, high in ROW.findall(RULES)
    )


@pytest.mark.parametrize("wanted", CLUSTERS.values(), ids=CLUSTERS)
@pytest.mark.parametrize("source", GROUPS)
@pytest.mark.parametrize("target", GROUPS)
def test_every_path_is_open(wanted: Cluster, source: Role, target: Role) -> None:
    distro = distros.of(wanted.kubernetes)
    api = {API_PORT, distro.registration_port} if target == "server" else set()
    pods = [(one["protocol"], one["port"]) for one in pod_ports(wanted) if isinstance(one, dict)]
    needed = [
        one
        for one in paths(distro, source, target)
        if one.number not in api and (one.protocol.lower(), one.number) not in pods
    ]
    closed = [str(one) for one in needed if not opened(source, target, one.protocol, one.number)]
    assert not closed
    assert not api - {one.number for one in paths(distro, source, target)}, "the table lacks a port"


def test_the_pods_ports_are_opened_on_every_node() -> None:
    assert 'for to in ["control_plane", "agents"]' in RULES
    assert 'from = "nodes", to = to, protocol = one.protocol, ports = [one.port, one.port]' in RULES
    variables = (FOLDER / "variables.tf").read_text("utf-8")
    assert 'default     = [{ protocol = "udp", port = 8472 }]' in variables


def test_the_root_names_other_ports_than_the_modules_own() -> None:
    own = {"cloud": "c", "image": {"name": "i"}, "external_network": "e"}
    texts = {
        name: security(replace(one, provider=ProviderSpec("openstack", own)))
        for name, one in CLUSTERS.items()
    }
    assert {name for name, text in texts.items() if "pod_ports" in text} == {"calico", "cilium", "flannel"}
    assert "port     = 4240" in texts["cilium"] or "port = 4240" in texts["cilium"]


def test_nothing_else_of_nodes_is_open_but_node_ports() -> None:
    known = {
        (GROUPS[target], one.protocol, one.number)
        for distro in distros.every()
        for source in GROUPS
        for target in GROUPS
        for one in paths(distro, source, target)
    }
    rows = ROW.findall(RULES)
    opened = {(to, kind.upper(), int(p)) for _, to, kind, *ends in rows for p in ends if int(p) < 30000}
    assert {one for one in opened if one[2] != 22} <= known
