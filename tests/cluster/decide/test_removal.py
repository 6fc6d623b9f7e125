"""Which nodes may leave a cluster, and by which steps."""

from __future__ import annotations

from typing import Any

import pytest

from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.removal import Removal, problems, steps
from kbootstrap.cluster.steps.base import Step
from kbootstrap.cluster.steps.membership import Uncordon
from kbootstrap.cluster.steps.plan import Plan
from tests.cluster.world import api, desired_cluster, facts, fresh, running

S1, S2, S3 = (f"local-control-plane-{i}" for i in (1, 2, 3))
A1, A2 = (f"local-default-{i}" for i in (1, 2))
SERVERS: dict[str, Any] = {"*": {}, S1: {"etcd": True}, S2: {"etcd": True}, S3: {"etcd": True}}


def kinds(mine: tuple[Step, ...]) -> list[str]:
    return [type(step).__name__ for step in mine]


def planned(removal: Removal, seen: dict[str, Any] | None = None, servers: int = 3) -> Plan:
    wanted = desired_cluster(servers, 2)
    gone = dict.fromkeys(removal.removed)
    there = facts(wanted, {"*": {"is": "running"}, **gone})
    there |= {name: running(desired_cluster(3, 2), name) for name in removal.removed}
    return decide(wanted, there, api(wanted, SERVERS | (seen or {})), removal=removal)


def test_an_agent_stops_before_its_node_is_forgotten() -> None:
    plan = planned(Removal({}, {A1: "agent"}))
    assert kinds(plan.leaving[A1]) == ["Cordon", "Drain", "StopService", "ForgetNode"]
    assert A1 not in plan.steps
    assert not plan.empty


STOP_FIRST = ["Cordon", "Drain", "HandOver", "StopService", "ForgetNode"]
STOP_LAST = ["Cordon", "Drain", "HandOver", "PreventRestart", "ForgetNode", "StopService", "ForgetNode"]
"""The second time for a kubelet that made its Node again before it was stopped."""


def test_a_server_stops_first_while_the_others_are_a_majority() -> None:
    assert kinds(planned(Removal({}, {S1: "server"})).leaving[S1]) == STOP_FIRST
    plan = planned(Removal({}, {S1: "server", S2: "server"}))
    assert [kinds(plan.leaving[name]) for name in (S1, S2)] == [STOP_FIRST, STOP_FIRST]


def test_one_of_two_is_forgotten_while_it_runs_and_must_not_come_back() -> None:
    plan = planned(Removal({S2: "server", S3: "server"}, {}), servers=1)
    assert [kinds(plan.leaving[name]) for name in (S2, S3)] == [STOP_FIRST, STOP_LAST]


def test_a_dead_machine_is_only_forgotten() -> None:
    wanted, seen = desired_cluster(3, 2), {**SERVERS, A1: {"ready": False}}
    found = steps(Removal({A1: "agent"}, {}), wanted.distro, {}, api(wanted, seen))
    assert kinds(found[A1]) == ["Cordon", "ForgetNode"]


def test_a_machine_that_never_joined_just_goes() -> None:
    wanted = desired_cluster(3, 2)
    found = steps(Removal({A1: "agent"}, {}), wanted.distro, {A1: fresh(A1)}, api(wanted, {A1: None}))
    assert found == {A1: ()}


def test_a_node_that_was_to_leave_and_stays_is_uncordoned() -> None:
    wanted = desired_cluster(1, 2)
    seen = api(wanted, {"*": {}, A1: {"leaving": True, "unschedulable": True}})
    plan = decide(wanted, facts(wanted, {"*": {"is": "running"}}), seen)
    assert plan.steps == {A1: (Uncordon(node=A1, why="it was to be removed, and stays"),)}


@pytest.mark.parametrize(
    ("removal", "unwell", "codes"),
    [
        (Removal({S3: "server"}, {}), (), []),
        (Removal({S2: "server", S3: "server"}, {}), (), []),
        (Removal({S1: "server", S2: "server", S3: "server"}, {}), (), ["KB0854"]),
        (Removal({}, {S1: "server", S2: "server", S3: "server"}), (), []),
        (Removal({}, {S1: "server"}), (S1,), []),
        (Removal({}, {S1: "server", S2: "server"}), (S2,), []),
        (Removal({}, {S1: "server"}), (S2,), ["KB0855"]),
        (Removal({S3: "server"}, {}), (S3,), []),
        (Removal({S3: "server"}, {}), (S2, S3), ["KB0855"]),
        (Removal({A1: "agent"}, {A2: "agent"}), (S1, S2), []),
        (Removal({}, {}), (S1, S2, S3), []),
    ],
)
def test_quorum_is_kept(removal: Removal, unwell: tuple[str, ...], codes: list[str]) -> None:
    wanted = desired_cluster(3, 2)
    seen = api(wanted, SERVERS | {name: {"etcd": True, "ready": False} for name in unwell})
    assert [problem.code for problem in problems(wanted, removal, seen)] == codes


def test_the_numbers_are_reported() -> None:
    wanted = desired_cluster(3, 0)
    seen = api(wanted, SERVERS | {S2: {"etcd": True, "ready": False}})
    (problem,) = problems(wanted, Removal({}, {S1: "server"}), seen)
    assert "etcd has 3 members, 2 of them healthy" in problem.reason
    assert f"Without {S1} there would be 1 of 2, and 2 are needed" in problem.reason


def test_no_node_leaves_while_the_api_is_silent() -> None:
    wanted = desired_cluster(3, 1)
    assert [p.code for p in problems(wanted, Removal({A1: "agent"}, {}), None)] == ["KB0853"]


def test_a_leaving_server_is_a_member_until_then() -> None:
    """Otherwise no server would have the data if all wanted servers are new: a second cluster."""
    plan = planned(Removal({S2: "server", S3: "server"}, {}), servers=1)
    assert set(plan.members) == {S1, S2, S3}
    wanted = desired_cluster(1, 0)
    there = {S1: fresh(S1), S2: running(desired_cluster(3, 0), S2)}
    found = decide(wanted, there, api(wanted, {S2: {"etcd": True}}), removal=Removal({S2: "server"}, {}))
    assert found.initial_server is None


def test_no_cluster_is_created_while_a_leaving_server_is_not_seen() -> None:
    wanted = desired_cluster(1, 0)
    plan = decide(wanted, {S1: fresh(S1)}, None, removal=Removal({S2: "server"}, {}))
    assert plan.initial_server is None
    assert plan.refused
