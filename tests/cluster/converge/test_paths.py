"""A node that cannot reach its cluster is named before the wait, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kbootstrap.cluster.converge import paths, readiness
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.state.api_facts import ApiNode
from kbootstrap.cluster.state.desired import DesiredCluster, LocalFile
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.events import Event, Status
from tests.cluster.decide.test_paths import on_machines
from tests.cluster.machines import Machines, carry_out
from tests.cluster.world import facts
from tests.hosts.fake import Answer, Run, output

SERVER, AGENT = "local-control-plane-1", "local-default-1"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "PATH_PAUSE", 0.0)
    monkeypatch.setattr(readiness, "READY", 5.0)


@dataclass
class Net(Machines):
    """Machines with a network: answers by source and port, and the ports on which the server listens."""

    ways: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    ports: frozenset[int] = frozenset({2379, 2380, 6443})
    asked: list[str] = field(default_factory=list)

    def answer(self, call: Run) -> Answer:
        if call.command.startswith("targets="):
            targets = call.command.partition("\nseconds=")[0].removeprefix("targets=").strip("'")
            self.asked.append(call.host)
            return output("".join(self._line(call.host, *line.split()) for line in targets.splitlines()))
        if call.command.endswith("ports others | sed 's/^/port /'"):
            return output("".join(f"port {port:04X}\n" for port in self.ports))
        return super().answer(call)

    def _line(self, source: str, kind: str, host: str, port: str) -> str:
        found = self.ways.get((source, int(port)), ["open"])
        said = found.pop(0) if len(found) > 1 else found[0]
        return f"reach {kind} {host} {port} {said}\n" if said else ""


def machines(plan: DesiredCluster, ways: dict[tuple[str, int], list[str]], **changes: object) -> Net:
    return Net(plan, ways=ways, **changes)  # type: ignore[arg-type]


async def apply(net: Net, tmp_path: Path, states: dict[str, object]) -> list[Event]:
    (tmp_path / "file").write_bytes(b"x")
    plan = decide(net.plan, facts(net.plan, states))
    names = {step.artifact.name for step in plan.all_steps if isinstance(step, StageFile)}
    events: list[Event] = []
    await carry_out(net, plan, {name: LocalFile(tmp_path / "file", "5" * 64) for name in names}, events)
    return events


NEW: dict[str, object] = {"*": {}}


@pytest.mark.parametrize(
    ("answer", "said"),
    [("refused", "the connection is refused"), ("rejected", "ICMP"), ("silent", "no answer")],
)
async def test_a_closed_way_ends_the_run_before_the_service_starts(
    answer: str, said: str, tmp_path: Path
) -> None:
    net = machines(on_machines(1, 1), {(AGENT, 6443): [answer]})
    with pytest.raises(InstallFailed) as failure:
        await apply(net, tmp_path, NEW)
    assert (failure.value.code, failure.value.host) == ("KB0839", AGENT)
    assert f"{AGENT} does not reach TCP 6443 of {SERVER}, 10.0.0.11" in failure.value.message
    assert said in failure.value.message
    assert f"start {SERVER}" in net.log
    assert f"start {AGENT}" not in net.log
    assert net.asked == [AGENT] * 3, "once may be a restart"


@pytest.mark.parametrize(
    ("answers", "ports"),
    [
        (["refused"], frozenset({22})),
        (["silent"], frozenset({22})),
        (["refused", "silent", "open"], frozenset({6443})),
        ([""], frozenset({6443})),
    ],
    ids=["nothing listens yet", "the machine is busy", "it answers in time", "nothing to try it with"],
)
async def test_a_node_joins_where_nothing_is_certain(
    answers: list[str], ports: frozenset[int], tmp_path: Path
) -> None:
    net = machines(on_machines(1, 1), {(AGENT, 6443): answers}, ports=ports)
    await apply(net, tmp_path, NEW)
    assert f"start {AGENT}" in net.log


async def test_another_host_is_judged_by_a_server_that_reaches_it(tmp_path: Path) -> None:
    plan = on_machines(1, 1, "https://api.example.org:6443")
    net = machines(plan, {(AGENT, 6443): ["silent"]})
    with pytest.raises(InstallFailed, match=rf"of api.example.org .* although {SERVER} reaches it"):
        await apply(net, tmp_path, NEW)
    late = machines(plan, {(AGENT, 6443): ["silent"], (SERVER, 6443): ["refused"]})
    await apply(late, tmp_path, NEW)
    assert f"start {AGENT}" in late.log


async def test_a_joining_server_needs_the_other_servers(tmp_path: Path) -> None:
    second = "local-control-plane-2"
    net = machines(on_machines(2, 0), {(second, 2380): ["rejected"], (second, 2379): ["silent"]})
    with pytest.raises(InstallFailed) as failure:
        await apply(net, tmp_path, NEW)
    assert "TCP 2379 of" in failure.value.message
    assert "(and 1 more, see below)" in failure.value.message
    assert "TCP 2380 of" in (failure.value.detail or "")
    assert f"start {second}" not in net.log


async def test_an_agent_that_runs_already_is_judged_before_the_wait(tmp_path: Path) -> None:
    net = machines(on_machines(1, 1), {(AGENT, 6443): ["silent"]})
    states: dict[str, object] = {"*": {"is": "running"}}
    net.nodes[SERVER] = ApiNode(SERVER, ready=True, version=net.plan.version, resource_version="1")
    with pytest.raises(InstallFailed, match="does not reach TCP 6443"):
        await apply(net, tmp_path, states)
    assert net.asked == [AGENT] * 3


async def test_a_server_that_runs_already_tries_its_paths_once(tmp_path: Path) -> None:
    """It waits twice: until it serves, and until it is Ready."""
    second = "local-control-plane-2"
    net = machines(on_machines(2, 0), {})
    states: dict[str, object] = {
        "*": {"is": "running"},
        second: {"is": "running", "unit": {"active": "activating"}},
    }
    for name in (SERVER, second):
        net.nodes[name] = ApiNode(name, ready=True, version=net.plan.version, resource_version="1")
    await apply(net, tmp_path, states)
    assert net.asked.count(second) == 1


async def test_the_view_is_told_what_is_tried(tmp_path: Path) -> None:
    net = machines(on_machines(1, 1), {(AGENT, 6443): ["silent", "open"]})
    events = await apply(net, tmp_path, NEW)
    waiting = [event.detail or "" for event in events if event.status is Status.WAITING]
    assert any("does not reach TCP 6443" in text for text in waiting)
