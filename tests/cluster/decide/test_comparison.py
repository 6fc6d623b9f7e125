from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kbootstrap.cluster.decide.comparison import NodeStatus, compare
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.drift import Drift
from kbootstrap.cluster.state.api_facts import ApiFacts, ApiNode
from kbootstrap.cluster.state.certificates import Certificate
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from tests.cluster.world import api, desired_cluster, facts, running

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def rows_of(
    plan: DesiredCluster, found: Mapping[str, NodeFacts], seen: ApiFacts | None, **others: Mapping[str, str]
) -> dict[str, NodeStatus]:
    steps = decide(plan, found, seen, partial=True)
    return {row.name: row for row in compare(plan, found, seen, steps, **others)}


def test_everything_is_as_wanted() -> None:
    plan = desired_cluster(3, 1)
    rows = rows_of(plan, facts(plan, {"*": {"is": "running"}}), api(plan, {"*": {"etcd": True}}))
    assert all(row.good for row in rows.values())
    assert [row.service for row in rows.values()] == ["active"] * 4
    assert not any(row.drift for row in rows.values())


def test_elastic_nodes_and_machines_that_come_and_go() -> None:
    """A machine that is no node yet has no facts and no Node, and is no difference."""
    plan = desired_cluster(1, 1)
    found, seen = facts(plan, {"*": {"is": "running"}}), api(plan, {"*": {"etcd": True}})
    agent = plan.nodes[1].name
    moving = {"local-web-bcdfg": "being created"}
    rows = compare(plan, found, seen, decide(plan, found, seen), elastic=[agent], passing=moving)
    assert [(row.name, row.elastic, row.passing, row.good) for row in rows] == [
        (plan.nodes[0].name, False, "", True),
        (agent, True, "", True),
        ("local-web-bcdfg", True, "being created", True),
    ]


def test_nothing_is_there() -> None:
    plan = desired_cluster(1, 1)
    row = rows_of(plan, facts(plan, {"*": {}}), None)["local-control-plane-1"]
    assert row.service == "absent"
    assert row.ready is None
    assert "start k3s.service" in row.pending
    assert row.drift == (Drift("installation", "machine", "the machine has no stamp of a cluster yet"),)
    assert not row.good


def test_a_machine_that_does_not_answer() -> None:
    plan = desired_cluster(3, 1)
    states = {"*": {"is": "running"}, "local-control-plane-3": None}
    seen = api(plan, {"*": {}, "local-control-plane-3": {"ready": False}})
    silent = {"local-control-plane-3": "no route"}
    rows = rows_of(plan, facts(plan, states), seen, unreachable=silent)
    lost = rows["local-control-plane-3"]
    assert (lost.reachable, lost.service, lost.ready, lost.pending) == (False, "unreachable", False, ())
    assert lost.unreachable == "no route"
    assert rows["local-default-1"].good


def test_a_machine_that_is_silent_is_not_as_wanted_even_while_kubernetes_says_ready() -> None:
    plan = desired_cluster(1, 1)
    states = {"*": {"is": "running"}, "local-default-1": None}
    rows = rows_of(
        plan, facts(plan, states), api(plan, {"*": {}}), unreachable={"local-default-1": "stopped"}
    )
    assert rows["local-default-1"].ready
    assert not rows["local-default-1"].good


def test_no_machine_answers() -> None:
    assert {row.service for row in rows_of(desired_cluster(1, 1), {}, None).values()} == {"unreachable"}


def test_a_machine_that_vanished() -> None:
    """Its node may still be Ready for the API, for as long as its last word counts."""
    plan = desired_cluster(1, 1)
    states = {"*": {"is": "running"}, "local-default-1": None}
    gone = {"local-default-1": "docker has no container local-default-1"}
    row = rows_of(plan, facts(plan, states), api(plan, {"*": {}}), gone=gone)["local-default-1"]
    assert row.drift == (Drift("infrastructure", "machine", gone["local-default-1"]),)
    assert not row.good


@pytest.mark.parametrize(
    ("state", "seen", "drift"),
    [
        (
            {"files": {"/etc/rancher/k3s/config.yaml": "0" * 64}},
            {},
            Drift("configuration", "/etc/rancher/k3s/config.yaml", "it differs from the spec"),
        ),
        (
            {"unit": {"active": "inactive"}},
            {"ready": False},
            Drift("service", "k3s-agent.service", "it does not run"),
        ),
        (
            {"unit": {"active": "failed"}},
            {"ready": False},
            Drift("service", "k3s-agent.service", "it has failed"),
        ),
        (
            {"restart_pending": True},
            {},
            Drift("service", "k3s-agent.service", "configuration changed since it started"),
        ),
        (
            {"unit": {"active": "active", "enabled": False}},
            {},
            Drift("service", "k3s-agent.service", "it would not start at the next boot"),
        ),
        (
            {"artifacts": {"/usr/local/bin/k3s": {"sha256": "5", "version": "v1.31.0+k3s1", "intact": True}}},
            {"version": "v1.31.0+k3s1"},
            Drift("version", "Kubernetes", "the node runs v1.31.0+k3s1"),
        ),
        (
            {"token": "none", "token_ca": None},
            {},
            Drift("configuration", "/etc/rancher/k3s/kbootstrap-token", "it is not there"),
        ),
        (
            {},
            {"applied": '{"labels": ["old"]}', "labels": {"old": "x"}},
            Drift("labels", "labels and taints", "they differ from the spec"),
        ),
        (
            {},
            {"leaving": True, "unschedulable": True},
            Drift("membership", "cordon", "it was to be removed, and stays"),
        ),
    ],
)
def test_what_differs(state: dict[str, object], seen: dict[str, object], drift: Drift) -> None:
    """One thing was changed behind our back: it is named, and what only follows from it is not."""
    plan = desired_cluster(1, 1)
    found = facts(plan, {"*": {"is": "running"}, "local-default-1": {"is": "running", **state}})
    row = rows_of(plan, found, api(plan, {"*": {}, "local-default-1": seen}))["local-default-1"]
    assert row.drift == (drift,)
    assert row.pending
    assert not row.good


def test_a_node_that_is_not_ready_has_a_reason_and_no_drift() -> None:
    plan = desired_cluster(1, 1)
    seen = api(plan, {"*": {}, "local-default-1": {"ready": False, "reason": "PLEG is not healthy"}})
    row = rows_of(plan, facts(plan, {"*": {"is": "running"}}), seen)["local-default-1"]
    assert (row.reason, row.drift) == ("PLEG is not healthy", ())
    assert not row.good


@pytest.mark.parametrize(
    "seen",
    [
        {"ready": True, "heartbeat": 90},
        {"ready": False, "reason": "PLEG is not healthy"},
        {"ready": False},
    ],
)
@pytest.mark.parametrize("api_answers", [True, False])
def test_every_node_with_pending_steps_has_something_that_is_named(
    seen: dict[str, object], api_answers: bool
) -> None:
    """Right after a start nothing differs, and a step is pending: `status` counts it, so it names it."""
    plan = desired_cluster(1, 1)
    unit = {"active": "active", "since": 100}
    found = facts(plan, {"*": {"is": "running", "unit": unit}})
    nodes = api(plan, {"*": {"etcd": True, "heartbeat": 200}, "local-default-1": seen})
    row = rows_of(plan, found, nodes if api_answers else None)["local-default-1"]
    assert row.pending == ("wait until the node is Ready",)
    assert not row.drift
    assert [one.what for one in row.waits] == list(row.pending)


@pytest.mark.parametrize(
    ("state", "seen", "joining"),
    [
        ({}, {"etcd": None}, True),
        ({}, {"etcd": True}, False),
        ({}, {"etcd": False}, False),
        ({"unit": {"active": "activating"}}, None, True),
        ({"unit": {"active": "inactive"}}, None, False),
    ],
)
def test_a_server_whose_membership_is_not_known_yet_is_joining(
    state: dict[str, object], seen: dict[str, object] | None, joining: bool
) -> None:
    plan = desired_cluster(3, 0)
    last = "local-control-plane-3"
    found = facts(plan, {"*": {"is": "running"}, last: {"is": "running", **state}})
    nodes = api(plan, {"*": {"etcd": True}, last: seen})
    assert rows_of(plan, found, nodes)[last].joining is joining
    assert not rows_of(plan, found, None)[last].joining


def test_a_cordoned_node_is_reported() -> None:
    plan = desired_cluster(1, 1)
    seen = api(plan, {"*": {}, "local-default-1": {"unschedulable": True}})
    row = rows_of(plan, facts(plan, {"*": {"is": "running"}}), seen)["local-default-1"]
    assert row.cordoned
    assert row.good


def test_certificates() -> None:
    plan = desired_cluster(1, 0)
    leaves = [Certificate(f"agent/{days}.crt", NOW + timedelta(days=days)) for days in (200, 1, 300)]
    authority = Certificate("server/tls/server-ca.crt", NOW + timedelta(days=3000), "ca")
    found = facts(plan, {"*": {"is": "running", "time": NOW, "certificates": (*leaves, authority)}})
    row = rows_of(plan, found, api(plan, {"*": {}}))["local-control-plane-1"]
    assert (row.leaf, row.authority, row.good) == (leaves[1], authority, True)
    assert replace(row, time=NOW + timedelta(days=1)).expired
    assert not replace(row, time=NOW + timedelta(days=1)).good
    assert replace(row, leaf=None, time=NOW + timedelta(days=3000)).expired


def test_nodes_that_the_spec_does_not_name() -> None:
    plan = desired_cluster(1, 0)
    seen = ApiFacts(
        {
            "local-control-plane-1": ApiNode("local-control-plane-1", ready=True, version="v1.32.0+k3s1"),
            "old-agent": ApiNode("old-agent", ready=True, version="v1.32.0+k3s1"),
            "old-server": ApiNode(
                "old-server",
                ready=False,
                version="v1.31.0+k3s1",
                labels={"node-role.kubernetes.io/control-plane": "true"},
            ),
        }
    )
    bigger = desired_cluster(1, 1)
    found = {
        **facts(plan, {"*": {"is": "running"}}),
        "old-machine": replace(running(bigger, "local-default-1"), name="old-machine"),
    }
    rows = rows_of(plan, found, seen, unreachable={"old-silent": "no route"})
    assert [(row.name, row.role, row.desired) for row in list(rows.values())[1:]] == [
        ("old-agent", "agent", False),
        ("old-machine", "agent", False),
        ("old-server", "server", False),
        ("old-silent", "unknown", False),
    ]
    assert rows["old-machine"].service == "active"
    assert rows["old-silent"].unreachable == "no route"
    assert not rows["old-agent"].good
