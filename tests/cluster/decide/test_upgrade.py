"""Another version: what is allowed, in which order, and that the first failure stops the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zstandard

from kbootstrap.cluster.converge import drain, node_actions, readiness, watch
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.cluster.state.pods import Owner, Pod
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import DeadlinePassed, KbootstrapError
from tests.cluster.machines import Machines, carry_out
from tests.cluster.world import api, desired_cluster, facts
from tests.hosts.fake import Answer, FakeHost, Run

OLD, NEW = "v1.31.0+k3s1", "v1.32.0+k3s1"
S1, S2, S3 = (f"local-control-plane-{i}" for i in (1, 2, 3))
A1, A2 = (f"local-default-{i}" for i in (1, 2))
BINARY = "/usr/local/bin/k3s"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_actions, "POLL", 0.01)
    monkeypatch.setattr(watch, "POLL", 0.01)
    monkeypatch.setattr(readiness, "READY", 0.5)
    monkeypatch.setattr(drain, "WORKLOADS", 0.1)
    monkeypatch.setattr(drain, "_POLL", 0.01)


@pytest.fixture
def local(tmp_path: Path) -> dict[str, LocalFile]:
    names = ("k3s", "k3s-airgap-images-amd64.tar.zst")
    for name in names:
        (tmp_path / name).write_bytes(zstandard.compress(name.encode() * 100))
    return {name: LocalFile(tmp_path / name, "5" * 64) for name in names}


def has(version: str) -> dict[str, Any]:
    wanted = desired_cluster(1, 0)
    paths = [artifact.path for artifact in wanted.artifacts["amd64"]]
    return {
        "is": "running",
        "artifacts": {path: {"sha256": "5" * 64, "version": version, "intact": True} for path in paths},
    }


def upgrade(servers: int, agents: int, *, old: str = OLD, new: str = NEW, done: tuple[str, ...] = ()) -> Plan:
    wanted = desired_cluster(servers, agents, version=new)
    there = {"*": has(old), **{name: has(new) for name in done}}
    seen = {"*": {"version": old}, **{name: {"version": new} for name in done}}
    return decide(wanted, facts(wanted, there), api(wanted, seen))


def kinds(plan: Plan, name: str) -> list[str]:
    return [type(step).__name__ for step in plan.steps[name]]


def test_the_steps_of_a_node() -> None:
    plan = upgrade(3, 1)
    assert kinds(plan, A1) == [
        "StageFile",
        "StageFile",
        "SwapFiles",
        "RestartService",
        "WaitReady",
        "WaitWorkloads",
    ]
    assert kinds(plan, S1)[0] == "SaveSnapshot"
    assert "SaveSnapshot" not in kinds(plan, S2)
    assert all(step.aside for step in plan.steps[S1] if hasattr(step, "aside"))


def test_a_resumed_run_saves_no_second_snapshot() -> None:
    plan = upgrade(3, 1, done=(S1,))
    assert S1 not in plan.steps
    assert "SaveSnapshot" not in kinds(plan, S2)


def test_changed_but_not_restarted() -> None:
    """The run was cut between the two: the files are there, and the service is the old one."""
    wanted = desired_cluster(1, 0, version=NEW)
    plan = decide(wanted, facts(wanted, {"*": has(NEW)}), api(wanted, {"*": {"version": OLD}}))
    assert "RestartService" in kinds(plan, S1)
    assert "SwapFiles" not in kinds(plan, S1)


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        ("v1.31.0+k3s1", "v1.31.4+k3s1", True),
        ("v1.31.4+k3s1", "v1.31.4+k3s2", True),
        ("v1.31.0+k3s1", "v1.32.9+k3s1", True),
        ("v1.31.0+k3s1", "v1.33.0+k3s1", False),
        ("v1.32.0+k3s1", "v1.31.9+k3s1", False),
        ("v1.32.1+k3s1", "v1.32.0+k3s1", False),
        ("v1.32.0+k3s2", "v1.32.0+k3s1", False),
    ],
)
def test_skew(old: str, new: str, allowed: bool) -> None:
    plan = upgrade(1, 1, old=old, new=new)
    assert plan.refused != allowed
    assert {problem.code for problem in plan.diagnostics} == (set() if allowed else {"KB0809"})


def test_not_together_with_other_machines_nor_in_the_dark() -> None:
    wanted = desired_cluster(3, 1, version=NEW)
    there, seen = facts(wanted, {"*": has(OLD)}), api(wanted, {"*": {"version": OLD}})
    both = decide(wanted, there, seen, removal=Removal({}, {A1: "agent"}))
    assert [problem.code for problem in both.diagnostics] == ["KB0856"]
    assert [problem.code for problem in decide(wanted, there, None).diagnostics] == ["KB0857"]


def machines_of(servers: int, agents: int) -> Machines:
    machines = Machines(desired_cluster(servers, agents, version=NEW))
    machines.nodes = dict(api(machines.plan, {"*": {"version": OLD}}).nodes)  # type: ignore[union-attr]
    return machines


async def test_servers_one_by_one_then_agents(local: dict[str, LocalFile]) -> None:
    machines = machines_of(3, 2)
    await carry_out(machines, upgrade(3, 2), local)
    order = [line.split()[1] for line in machines.log if line.startswith("restart")]
    assert order[:3] == [S1, S2, S3]
    assert set(order[3:]) == {A1, A2}
    first = next(line for line in machines.hosts[S1].commands if "etcd-snapshot save" in line)
    assert "--name before-v1.32.0-k3s1" in first
    assert any("images import /var/lib/kbootstrap/next/" in c for c in machines.hosts[A1].commands)
    swapped = [c for c in machines.hosts[A1].commands if f"{BINARY}.part {BINARY}" in c]
    assert len(swapped) == 1
    assert machines.hosts[A1].files.keys() >= {"/var/lib/kbootstrap/next/k3s"}


async def test_the_first_failure_stops_the_rest(local: dict[str, LocalFile]) -> None:
    machines = machines_of(3, 2)
    machines.ready = frozenset({S1})
    with pytest.raises(DeadlinePassed) as caught:
        await carry_out(machines, upgrade(3, 2), local)
    assert caught.value.host == S2
    restarted = [line.split()[1] for line in machines.log if line.startswith("restart")]
    assert restarted == [S1, S2]


async def test_an_agent_that_fails_stops_the_agents_after_it(local: dict[str, LocalFile]) -> None:
    machines = machines_of(1, 2)
    machines.ready = frozenset({S1})
    with pytest.raises(KbootstrapError):
        await carry_out(machines, upgrade(1, 2), local)
    restarted = [line.split()[1] for line in machines.log if line.startswith("restart")]
    assert len(restarted) == 2


async def test_workloads_must_be_ready_again(local: dict[str, LocalFile]) -> None:
    machines = machines_of(1, 2)
    owner = Owner("Deployment", "web", "shop")
    machines.pods = [Pod("web", f"shop-{n}", n, owner, False, False, True, False) for n in (A1, A2)]

    def answer(call: Run) -> Answer:
        if "systemctl restart" in call.command:
            machines.pods = machines.pods[:1]
        return machines.answer(call)

    machines.hosts |= {name: FakeHost(name, answer) for name in (A1, A2)}
    with pytest.raises(DeadlinePassed, match=r"web/shop \(1 of 2 ready\)") as caught:
        await carry_out(machines, upgrade(1, 2), local)
    assert caught.value.code == "KB0852"
    assert len([line for line in machines.log if line.startswith("restart")]) == 2
