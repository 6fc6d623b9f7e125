"""The interface of the pods' network, and nodes that do not answer through it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.pod_network import silent
from kbootstrap.cluster.state.api_facts import ApiFacts, ApiNode
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.unit import UnitState
from kbootstrap.cluster.steps.files import WriteFile
from kbootstrap.cluster.steps.service import RestartService
from tests.cluster.decide.test_paths import on_machines
from tests.cluster.world import fresh, running

PLAN = on_machines(1, 1)
SERVER, AGENT = (node.name for node in PLAN.nodes)
FILE = "/etc/rancher/k3s/config.yaml.d/30-kbootstrap-network.yaml"
TWO = {"eth0": ("192.0.2.11",), "eth1": ("10.0.0.11",)}


def written(facts: NodeFacts, plan: DesiredCluster = PLAN) -> list[str]:
    """The contents of the file that a plan writes on the server."""
    found = decide(plan, {SERVER: facts}, partial=True).steps.get(SERVER, ())
    return [one.file.content for one in found if isinstance(one, WriteFile) and one.file.path == FILE]


def test_a_new_node_gets_the_interface_of_its_address() -> None:
    (text,) = written(replace(fresh(SERVER), addresses=TWO, default_interface="eth0"))
    assert text.endswith("\nflannel-iface: eth1\n")
    (text,) = written(replace(fresh(SERVER), addresses={"eth0": ("10.0.0.11",)}, default_interface="eth0"))
    assert "flannel-iface: eth0" in text


@pytest.mark.parametrize(
    "addresses", [{}, {"eth0": ("192.0.2.11",)}], ids=["not known", "of no interface: behind a NAT"]
)
def test_nothing_is_written_where_the_interface_is_not_known(addresses: dict[str, tuple[str, ...]]) -> None:
    assert written(replace(fresh(SERVER), addresses=addresses, default_interface="eth0")) == []


def test_a_distribution_without_a_key_for_it() -> None:
    plan = on_machines(1, 1, distribution="rke2")
    facts = replace(fresh(SERVER), memory=8000, addresses=TWO, default_interface="eth0")
    plan_of = decide(plan, {SERVER: facts}, partial=True)
    assert not plan_of.refused
    assert not any("network" in step.title for step in plan_of.steps[SERVER])


@pytest.mark.parametrize(("route", "warned"), [("eth0", True), ("eth1", False), ("", False)])
def test_a_network_that_follows_the_default_route_is_a_warning(route: str, *, warned: bool) -> None:
    plan = on_machines(1, 1, distribution="rke2")
    facts = replace(fresh(SERVER), memory=8000, addresses=TWO, default_interface=route)
    found = decide(plan, {SERVER: facts}, partial=True).diagnostics
    assert ("KB0847" in [one.code for one in found]) is warned
    same = replace(facts, default_interface="eth0")
    assert "KB0847" not in [one.code for one in decide(PLAN, {SERVER: same}, partial=True).diagnostics]


def test_a_node_that_runs_restarts_only_where_the_default_route_leads_elsewhere() -> None:
    facts = replace(running(PLAN, SERVER), addresses=TWO)
    assert written(replace(facts, default_interface="eth1")) == []
    (text,) = written(replace(facts, default_interface="eth0"))
    assert "flannel-iface: eth1" in text
    steps = decide(PLAN, {SERVER: replace(facts, default_interface="eth0")}, partial=True).steps[SERVER]
    assert any(isinstance(step, RestartService) for step in steps)


def test_the_file_follows_an_interface_that_gets_another_name() -> None:
    have = replace(running(PLAN, SERVER), addresses=TWO, default_interface="eth1")
    assert written(replace(have, files={**have.files, FILE: "0" * 64}))


def test_an_address_that_is_not_the_first_of_its_interface_is_a_warning() -> None:
    second = replace(fresh(SERVER), addresses={"eth0": ("192.0.2.11", "10.0.0.11")})
    (found,) = [one for one in decide(PLAN, {SERVER: second}, partial=True).diagnostics if "pods" in str(one)]
    assert found.code == "KB0845"
    assert "uses 192.0.2.11, not the node's address 10.0.0.11" in found.reason
    first = replace(fresh(SERVER), addresses={"eth0": ("10.0.0.11", "fd00::11", "192.0.2.11")})
    codes = [one.code for one in decide(PLAN, {SERVER: first}, partial=True).diagnostics]
    assert "KB0845" not in codes


def steady(name: str, **changes: Any) -> NodeFacts:  # noqa: ANN401
    """A node whose service has run for a while, with its address in the overlay."""
    number = 0 if name == SERVER else 1
    unit = PLAN.distro.unit(PLAN.node(name).role)
    base = replace(
        running(PLAN, name),
        time=datetime.fromtimestamp(10_000, UTC),
        units={unit: UnitState("loaded", "active", "running", enabled=True, since=9_000)},
        addresses={"eth0": (PLAN.node(name).address,), "flannel.1": (f"10.42.{number}.0",)},
    )
    return replace(base, **changes)


NODES = {name: ApiNode(name, ready=True, version=PLAN.version, heartbeat=9_990) for name in (SERVER, AGENT)}
LOST = {SERVER: steady(SERVER, overlay={"10.42.1.0": False}), AGENT: steady(AGENT)}


def test_a_node_that_does_not_answer_is_named_with_the_port() -> None:
    for api in (ApiFacts(NODES), None):
        (found,) = silent(PLAN, LOST, api)
        assert found.code == "KB0846"
        assert f"{AGENT} does not answer {SERVER} through the network of the pods" in found.reason
        assert "UDP 8472" in found.help


YOUNG = UnitState("loaded", "active", "running", enabled=True, since=9_990)


@pytest.mark.parametrize(
    ("facts", "nodes"),
    [
        ({**LOST, SERVER: steady(SERVER, overlay={"10.42.1.0": True})}, NODES),
        ({**LOST, SERVER: steady(SERVER)}, NODES),
        ({SERVER: LOST[SERVER]}, NODES),
        ({**LOST, SERVER: steady(SERVER, overlay={"10.42.7.0": False})}, NODES),
        ({**LOST, AGENT: steady(AGENT, units={"k3s-agent.service": YOUNG})}, NODES),
        ({**LOST, SERVER: steady(SERVER, overlay={"10.42.1.0": False}, units={"k3s.service": YOUNG})}, NODES),
        (LOST, {**NODES, AGENT: replace(NODES[AGENT], ready=False)}),
        (LOST, {**NODES, AGENT: replace(NODES[AGENT], deleted=True)}),
        (LOST, {SERVER: NODES[SERVER]}),
        ({**LOST, AGENT: steady(AGENT, addresses={"eth0": ("10.0.0.21",)})}, NODES),
    ],
    ids=[
        "it answers",
        "nothing was tried",
        "the node does not answer at all",
        "a node that is gone",
        "it has just started",
        "the server has just started",
        "it is not Ready",
        "it is being removed",
        "it has not registered",
        "another network of pods",
    ],
)
def test_no_false_alarm(facts: dict[str, NodeFacts], nodes: dict[str, ApiNode]) -> None:
    assert list(silent(PLAN, facts, ApiFacts(nodes))) == []
