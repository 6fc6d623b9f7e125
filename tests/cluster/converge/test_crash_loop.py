"""A service that is crash-looping ends the wait, with its cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path

import pytest

from kbootstrap.cluster.converge import readiness, server_loops
from kbootstrap.cluster.converge.crash_loop import CrashLoop
from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.deadlines import FAILURES, STEADY
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.unit import UnitState
from kbootstrap.cluster.steps.membership import WaitReady
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import DeadlinePassed, HostUnreachable, InstallFailed
from kbootstrap.core.redact import Redactor
from tests.cluster.machines import Machines, carry_out
from tests.cluster.world import ACTIVE, api, desired_cluster, facts, running
from tests.hosts.fake import Answer, FakeHost, Run, output

S1, A1 = "local-control-plane-1", "local-default-1"
JOURNAL = 'failed to set up masquerading: exec: "iptables": executable file not found in $PATH'


def unit(restarts: int, sub: str = "running") -> UnitState:
    return UnitState("loaded", "active" if sub == "running" else "activating", sub, restarts=restarts)


def test_a_unit_may_fail_some_times() -> None:
    loop = CrashLoop(0.0)
    assert not any(loop.look(unit(number), 10.0 * number) for number in range(FAILURES))


def test_it_may_fail_often_in_the_first_minute() -> None:
    loop = CrashLoop(0.0)
    assert not loop.look(unit(0), 0.0)
    assert not loop.look(unit(FAILURES), STEADY)
    assert loop.look(unit(FAILURES), STEADY + 1)


def test_what_failed_before_the_wait_does_not_count() -> None:
    loop = CrashLoop(0.0)
    assert not loop.look(unit(FAILURES - 1), 0.0)
    assert not loop.look(unit(FAILURES + 3), STEADY + 1)


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (unit(58, "auto-restart"), False),  # the process that ended had begun before
        (unit(59), False),  # the next one has begun
        (unit(59, "auto-restart"), True),
        (unit(60), True),
    ],
)
def test_a_known_loop_ends_with_the_next_process(later: UnitState, found: bool) -> None:
    loop = CrashLoop(0.0)
    assert not loop.look(unit(58), 0.0)
    assert loop.look(later, 5.0) == found


def test_a_process_that_lasts_is_steady() -> None:
    loop = CrashLoop(0.0)
    assert not loop.steady(STEADY)
    loop.look(unit(58), 0.0)
    loop.look(unit(59), 10.0)
    assert not loop.steady(STEADY)
    assert loop.steady(10.0 + STEADY)


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (UnitState("loaded", "activating", "auto-restart", restarts=58), True),
        (UnitState("loaded", "activating", "auto-restart", restarts=2), False),
        (replace(ACTIVE, restarts=58, since=1000), True),
        (replace(ACTIVE, restarts=58, since=900), False),  # its process has lasted
        (replace(ACTIVE, restarts=58), False),
        (UnitState("loaded", "failed", "failed", restarts=58), False),
    ],
)
def test_what_facts_say(state: UnitState, found: bool) -> None:
    seen = NodeFacts("n", time=datetime.fromtimestamp(1020, UTC), units={"k3s.service": state})
    assert seen.crash_looping("k3s.service") == found


@dataclass
class Failing(Machines):
    """Machines of which one's service fails: what `systemctl show` says of it, one answer after the other."""

    failing: str = ""
    said: Iterator[str] = field(default_factory=lambda: iter(()))

    def answer(self, call: Run) -> Answer:
        if call.command.startswith("systemctl show"):
            return output(next(self.said) if call.host == self.failing else "NRestarts=0\nSubState=running\n")
        return super().answer(call)


def restarts(begin: int) -> Iterator[str]:
    for number in range(begin, begin + 1000):
        yield f"NRestarts={number}\nActiveState=activating\nSubState=auto-restart\n"


async def failure(machines: Machines, plan: Plan, local: dict[str, LocalFile]) -> InstallFailed:
    with pytest.raises(InstallFailed) as caught:
        await carry_out(machines, plan, local)
    return caught.value


@pytest.fixture
def local(tmp_path: Path) -> dict[str, LocalFile]:
    found = {}
    for name in ("k3s", "k3s-airgap-images-amd64.tar.zst"):
        (tmp_path / name).write_text(name)
        found[name] = LocalFile(tmp_path / name, "5" * 64)
    return found


@pytest.mark.parametrize("name", [S1, A1])
async def test_a_new_node_ends_the_wait(
    name: str, monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]
) -> None:
    monkeypatch.setattr(readiness, "RESTARTS", 0.0)
    monkeypatch.setattr("kbootstrap.cluster.converge.crash_loop.STEADY", 0.0)
    machines = Failing(
        desired_cluster(1, 1),
        ready=frozenset({S1, A1} - {name}),
        journal={name: JOURNAL},
        failing=name,
        said=restarts(0),
    )
    error = await failure(machines, decide(machines.plan, facts(machines.plan, {"*": {}})), local)
    assert (error.code, error.host) == ("KB0814", name)
    assert "is crash-looping" in error.message
    assert "iptables is not installed" in error.message
    assert error.detail == JOURNAL


async def test_a_server_whose_starts_all_take_long(
    monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]
) -> None:
    monkeypatch.setattr("kbootstrap.cluster.converge.crash_loop.STEADY", 0.0)
    machines = Failing(
        desired_cluster(1, 0),
        serving={S1: output(status=124)},
        failing=S1,
        said=restarts(0),
        journal={S1: "no quorum"},
    )
    error = await failure(machines, decide(machines.plan, facts(machines.plan, {"*": {}})), local)
    assert (error.code, error.host, error.detail) == ("KB0814", S1, "no quorum")
    assert machines.log.count(f"serving {S1}") == FAILURES + 1


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at everything all the time, and take no failure for a beginning."""
    monkeypatch.setattr(readiness, "RESTARTS", 0.0)
    monkeypatch.setattr(readiness, "_LOOK", 0.0)
    monkeypatch.setattr(server_loops, "RESTARTS", 0.0)
    monkeypatch.setattr("kbootstrap.cluster.converge.crash_loop.STEADY", 0.0)


@pytest.mark.usefixtures("hasty")
async def test_an_agent_whose_server_fails(local: dict[str, LocalFile]) -> None:
    """The API answers between two failures, so the agent would wait until its deadline, and name itself."""
    steady = repeat("NRestarts=0\nActiveState=active\nSubState=running\n", FAILURES)
    machines = Failing(
        desired_cluster(1, 2),
        ready=frozenset({S1}),
        journal={S1: "cloud-controller-manager exited"},
        failing=S1,
        said=chain(steady, restarts(0)),
    )
    error = await failure(machines, decide(machines.plan, facts(machines.plan, {"*": {}})), local)
    assert (error.code, error.host) == ("KB0814", S1)
    assert "k3s.service is crash-looping" in error.message
    assert error.detail == "cloud-controller-manager exited"


@pytest.mark.usefixtures("hasty")
async def test_one_server_that_keeps_running_is_enough(
    monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]
) -> None:
    """Agents join through another server; what fails is the agent."""
    monkeypatch.setattr(readiness, "READY", 0.5)
    servers = {f"local-control-plane-{number}" for number in (1, 2, 3)}
    machines = Failing(desired_cluster(3, 1), failing=S1, said=restarts(0))
    seen = {"*": {"is": "running"}, A1: {}}
    plan = decide(machines.plan, facts(machines.plan, seen), api(machines.plan, {"*": {}, A1: None}))
    machines.ready = frozenset(servers)
    with pytest.raises(DeadlinePassed) as caught:
        await carry_out(machines, plan, local)
    assert (caught.value.code, caught.value.host) == ("KB0816", A1)


async def test_a_server_that_does_not_answer_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once: each question may take as long as its deadline."""
    monkeypatch.setattr(server_loops, "RESTARTS", 0.0)
    asked: list[str] = []

    def silent(call: Run) -> Answer:
        asked.append(call.command)
        raise HostUnreachable("no answer")

    machine = NodeActions(FakeHost(S1, silent), desired_cluster(1, 1), Redactor())
    loops = server_loops.ServerLoops()
    for _ in range(3):
        await loops.look({S1: machine}, "k3s.service")
    assert len(asked) == 1


def looping(machines: Machines, name: str) -> Plan:
    """Return the plan of a later apply: a service fails, and its Node is Ready for the moment."""
    state = {"active": "active", "sub": "running", "enabled": True, "restarts": 58, "since": 999_999}
    seen = facts(machines.plan, {"*": {"is": "running"}, name: {"is": "running", "unit": state}})
    seen[name] = replace(seen[name], time=datetime.fromtimestamp(1_000_000, UTC))
    machines.nodes |= {
        node.name: ApiNode(node.name, ready=True, version=machines.plan.version, heartbeat=2_000_000)
        for node in machines.plan.nodes
    }
    return decide(machines.plan, seen, api(machines.plan, {"*": {"heartbeat": 2_000_000}}))


@pytest.mark.parametrize("name", [S1, A1])
async def test_the_next_apply_ends_at_once(
    name: str, monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]
) -> None:
    monkeypatch.setattr(readiness, "RESTARTS", 0.0)
    machines = Failing(desired_cluster(1, 1), failing=name, said=restarts(58), journal={name: JOURNAL})
    plan = looping(machines, name)
    (step,) = plan.steps[name]
    assert isinstance(step, WaitReady)
    assert step.looping
    error = await failure(machines, plan, local)
    assert (error.code, error.host) == ("KB0814", name)
    assert "restarted it 59 times" in error.message


async def test_a_repaired_service_continues(
    monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]
) -> None:
    monkeypatch.setattr(readiness, "RESTARTS", 0.0)
    monkeypatch.setattr("kbootstrap.cluster.converge.crash_loop.STEADY", 0.1)
    steady = iter(["NRestarts=59\nActiveState=active\nSubState=running\n"] * 1000)
    machines = Failing(desired_cluster(1, 1), failing=A1, said=steady)
    await carry_out(machines, looping(machines, A1), local)


@pytest.mark.parametrize(("begin", "code"), [(0, "KB0817"), (2, "KB0814")])
async def test_a_silent_api_of_a_server_that_fails(
    begin: int, code: str, monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]
) -> None:
    """The service's message is reported, not that the API does not answer."""
    monkeypatch.setattr("kbootstrap.cluster.converge.watch.API", 0.5)
    monkeypatch.setattr("kbootstrap.cluster.converge.crash_loop.STEADY", 0.0)
    said = iter(["NRestarts=0\n", *(f"NRestarts={begin}\nSubState=running\n" for _ in range(1000))])
    machines = Failing(desired_cluster(1, 0), failing=S1, said=said, journal={S1: JOURNAL})
    plan = decide(
        machines.plan,
        facts(machines.plan, {"*": {"is": "running"}}),
        api(machines.plan, {"*": {"ready": False}}),
    )
    monkeypatch.setattr(readiness, "RESTARTS", 0.0)
    machines.silent = True
    error = await failure(machines, plan, local)
    assert error.code == code


def test_a_running_node_is_not_looping() -> None:
    plan = desired_cluster(1, 0)
    assert not running(plan, S1).crash_looping("k3s.service")
