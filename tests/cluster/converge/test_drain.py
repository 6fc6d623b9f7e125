"""Moving pods: which stay, what is refused, and what is reported when they are not evicted."""

from __future__ import annotations

from typing import Any

import pytest

from kbootstrap.cluster.converge import drain as module
from kbootstrap.cluster.converge import watch
from kbootstrap.cluster.converge.removal import NodeRemover
from kbootstrap.cluster.decide.removal import Removal, steps
from kbootstrap.cluster.state.pods import Owner, Pod, on_node, read_pod
from kbootstrap.core.errors import DeadlinePassed, InstallFailed
from kbootstrap.core.events import Event
from tests.cluster.machines import FakeApi, Machines
from tests.cluster.world import api, desired_cluster, facts

S1, A1 = "local-control-plane-1", "local-default-1"
SET, DAEMON = Owner("Deployment", "web", "shop"), Owner("DaemonSet", "web", "agent")
OTHER = Owner("StatefulSet", "web", "other")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL", 0.01)


def pod(name: str, owner: Owner | None = SET, node: str = A1, **more: bool) -> Pod:
    found = {"mirror": False, "finished": False, "ready": True, "terminating": False} | more
    return Pod("web", name, node, owner, **found)


def machines(*pods: Pod) -> Machines:
    found = Machines(desired_cluster(1, 1))
    found.nodes = dict(api(found.plan, {"*": {}}).nodes)  # type: ignore[union-attr]
    found.pods = list(pods)
    return found


async def leave(found: Machines, seconds: float = 5) -> list[Event]:
    events: list[Event] = []
    there = facts(found.plan, {"*": {"is": "running"}})
    mine = steps(Removal({}, {A1: "agent"}), found.plan.distro, there, api(found.plan, {"*": {}}))
    remover = NodeRemover("local", found.plan.distro, FakeApi(found), events.append)
    await remover.clear(A1, mine[A1], seconds=seconds)
    await remover.depart(A1, mine[A1], found.hosts[A1])
    return events


async def test_pods_move_and_the_node_is_forgotten() -> None:
    found = machines(pod("a"), pod("b", DAEMON), pod("c", None, mirror=True), pod("d", None, finished=True))
    await leave(found)
    assert [line for line in found.log if line.startswith("evict")] == ["evict web/a"]
    assert found.log[-2:] == [f"forget {A1}", f"delete secret {A1}.node-password.k3s"]
    assert any("systemctl stop" in command for command in found.hosts[A1].commands)


async def test_a_pod_without_a_controller_stops_it() -> None:
    found = machines(pod("a"), pod("mine", None))
    with pytest.raises(InstallFailed, match="web/mine") as caught:
        await leave(found)
    assert caught.value.code == "KB0850"
    assert not [line for line in found.log if line.startswith(("evict", "forget"))]
    assert not found.nodes[A1].unschedulable


async def test_a_budget_holds_its_pod_and_is_named() -> None:
    found = machines(pod("a"))
    found.blocked["a"] = "Cannot evict pod as it would violate the budget shop"
    with pytest.raises(DeadlinePassed, match="web/a") as caught:
        await leave(found, seconds=0.05)
    assert caught.value.code == "KB0851"
    assert "budget shop" in (caught.value.detail or "")
    assert f"forget {A1}" not in found.log
    assert not found.nodes[A1].unschedulable
    del found.blocked["a"]
    await leave(found)


def test_workloads_are_compared_by_owner() -> None:
    before = on_node(A1, [pod("a"), pod("b", node=S1), pod("c", DAEMON)], stays=False)
    assert before.missing([pod("x", node=S1), pod("b", node=S1)], {}) == ()
    fewer = [pod("b", node=S1), pod("x", node=S1, ready=False)]
    assert before.fewer(fewer) == {SET: 1}
    assert before.missing(fewer, {SET: 3}) == ("web/shop (1 of 2 ready)",)
    assert before.missing(fewer, {SET: 2}) == ("web/shop (1 of 2 ready)",)
    assert before.missing(fewer, {SET: 1}) == ()
    assert on_node(A1, [pod("c", DAEMON)], stays=True).missing([], {DAEMON: None}) == (
        "web/agent (0 of 1 ready)",
    )


async def test_an_autoscaler_changes_the_number_of_pods_meanwhile() -> None:
    """What got fewer replicas, or was deleted, is not waited for; what is not ready yet is."""
    found = machines(pod("a"), pod("b", node=S1), pod("c"), pod("d", OTHER))
    before = on_node(A1, found.pods, stays=False)
    found.pods, looks = [pod("b", node=S1)], list[str]()

    def waiting(what: str) -> None:
        looks.append(what)
        if len(looks) == 2:
            found.replicas |= {"shop": 2, "other": 0}
        if len(looks) == 4:
            found.pods.append(pod("e", node=S1))

    await module.await_workloads(FakeApi(found), A1, before, waiting)
    assert looks[:2] == ["web/shop (1 of 3 ready), web/other (0 of 1 ready)"] * 2
    assert looks[2:] == ["web/shop (1 of 2 ready)"] * 2


def test_a_pod_is_read() -> None:
    item: dict[str, Any] = {
        "metadata": {
            "namespace": "web",
            "name": "a",
            "labels": {"pod-template-hash": "7d"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "shop-7d", "controller": True}],
        },
        "spec": {"nodeName": A1},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    assert read_pod(item) == pod("a")
    assert read_pod(item).moves
    item["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "ownerReferences": []}
    item["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    assert read_pod(item) == pod("a", None, mirror=True, terminating=True)


async def test_a_server_that_joins_is_waited_for_before_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a member of etcd already, and only its Node takes it out of there again."""
    s2 = "local-control-plane-2"
    found = Machines(desired_cluster(3, 0))
    there = facts(found.plan, {"*": {"is": "running"}})
    seen = api(found.plan, {"*": {"etcd": True}, s2: None})
    mine = steps(Removal({s2: "server"}, {}), found.plan.distro, there, seen)[s2]
    assert [type(step).__name__ for step in mine] == [
        "WaitJoined",
        "PreventRestart",
        "ForgetNode",
        "StopService",
    ]

    async def go() -> None:
        remover = NodeRemover("local", found.plan.distro, FakeApi(found), list[Event]().append)
        await remover.depart(s2, mine, found.hosts[s2])

    monkeypatch.setattr(watch, "JOINED", 0.05)
    with pytest.raises(DeadlinePassed, match="is to be removed before it joined"):
        await go()
    assert found.hosts[s2].commands == []
    found.nodes = dict(api(found.plan, {s2: {}}).nodes)  # type: ignore[union-attr]
    await go()
    assert f"forget {s2}" in found.log
    assert any("kbootstrap/left" in command for command in found.hosts[s2].commands)
