from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from kbootstrap.cluster import deadlines
from kbootstrap.cluster.converge import node_actions, readiness, watch
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.state.wanted import LocalFile, Wanted
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import DeadlinePassed, HostUnreachable, InstallFailed, PrerequisiteMissing
from kbootstrap.core.events import Event, Status, Type
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.distros.k3s import K3s
from kbootstrap.hosts.fake import Drop, FakeHost, Hang, Put, Run, output
from kbootstrap.hosts.model import Output
from tests.cluster.machines import AGENT_TOKEN, KUBECONFIG, RAW_AGENT, SERVER_TOKEN, Machines, carry_out
from tests.cluster.world import api, desired, facts

S1, S2, S3 = (f"local-control-plane-{i}" for i in (1, 2, 3))
A1, A2 = (f"local-default-{i}" for i in (1, 2))
TOKEN, AGENT = "/etc/rancher/k3s/kbootstrap-token", "/etc/rancher/k3s/kbootstrap-agent-token"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines are constants of modules; here they pass in a moment."""
    monkeypatch.setattr(node_actions, "POLL", 0.01)
    monkeypatch.setattr(watch, "POLL", 0.01)
    monkeypatch.setattr(readiness, "READY", 0.5)


@pytest.fixture
def local(tmp_path: Path) -> dict[str, LocalFile]:
    names = ("k3s", "k3s-airgap-images-amd64.tar.zst")
    for name in names:
        (tmp_path / name).write_bytes(name.encode() * 100)
    return {name: LocalFile(tmp_path / name, "5" * 64) for name in names}


def plan_of(wanted: Wanted, states: Mapping[str, Any], seen: Mapping[str, Any] | None = None) -> Plan:
    return decide(wanted, facts(wanted, states), api(wanted, seen))


async def test_a_new_cluster(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(3, 2, labels={"node-role.kubernetes.io/web": "true"}))
    text = await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert text == KUBECONFIG.rstrip("\n")
    log = machines.log
    assert log[:2] == [f"start {S1}", f"serving {S1}"]
    servers = [line for line in log if "control-plane" in line]
    assert servers == [f"{verb} {name}" for name in (S1, S2, S3) for verb in ("start", "serving")]
    assert (
        log.index(f"serving {S1}") < log.index("connect https://127.0.0.1:26443") < log.index(f"start {A1}")
    )
    assert {f"patch {A1}", f"patch {A2}"} <= set(log)
    assert log[-1] == "close"
    assert machines.hosts[S1].files[TOKEN] != machines.hosts[S1].files[AGENT]
    assert len(machines.hosts[S1].files[TOKEN]) == 64
    for name in (S2, S3):
        assert machines.hosts[name].files[TOKEN] == SERVER_TOKEN.encode()
        assert machines.hosts[name].files[AGENT] == RAW_AGENT.encode()
    assert machines.hosts[A1].files[TOKEN] == AGENT_TOKEN.encode()
    assert machines.hosts[A1].modes[TOKEN] == 0o600
    assert AGENT not in machines.hosts[A1].files
    assert machines.hosts[A2].modes["/usr/local/bin/k3s"] == 0o755


async def test_bits_of_the_first_server_go_first(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 2))
    order: list[str] = []
    for host in machines.hosts.values():
        host.calls = _Recorder(order, host.name)
    await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert set(order[: order.index(A1)]) == {S1}


class _Recorder(list[Run | Put]):
    def __init__(self, order: list[str], name: str) -> None:
        super().__init__()
        self.order, self.name = order, name

    def append(self, call: Run | Put) -> None:
        self.order.append(self.name)
        super().append(call)


async def test_the_claim_comes_before_anything_else(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 0))
    await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    first, *rest = machines.hosts[S1].calls
    assert isinstance(first, Run)
    assert "cluster local" in first.command
    assert "file /etc/rancher/k3s/config.yaml" in first.command
    assert "/run/kbootstrap/restart" not in first.command
    stamp = next(c.command for c in rest if isinstance(c, Run) and "artifact " in c.command)
    assert f"artifact {'5' * 64}" in stamp


async def test_no_secret_in_commands_or_events(local: dict[str, LocalFile]) -> None:
    machines, events, redactor = Machines(desired(2, 1)), list[Event](), Redactor()
    await carry_out(machines, plan_of(machines.plan, {"*": {}}), local, events, redactor)
    made = [machines.hosts[S1].files[path].decode() for path in (TOKEN, AGENT)]
    said = "\n".join(c for host in machines.hosts.values() for c in host.commands) + repr(events)
    for secret in (*made, SERVER_TOKEN, AGENT_TOKEN, RAW_AGENT):
        assert secret not in said
        assert secret not in redactor.clean(f"x {secret} y")
    assert "c2VjcmV0IGtleSBvZiB0aGUgYWRtaW4=" not in redactor.clean(KUBECONFIG)


async def test_events_tell_every_step(local: dict[str, LocalFile]) -> None:
    machines, events = Machines(desired(1, 1)), list[Event]()
    plan = plan_of(machines.plan, {"*": {}})
    await carry_out(machines, plan, local, events)
    done = {(e.node, e.step) for e in events if e.type is Type.STEP and e.status is Status.DONE}
    assert done == {(s.node, s.title) for steps in plan.steps.values() for s in steps}
    progress = [e for e in events if e.type is Type.PROGRESS]
    assert progress
    assert all(e.unit == "bytes" and e.total for e in progress)


async def test_members_that_stopped_start_together(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(3, 1))
    plan = plan_of(machines.plan, {"*": {"is": "running", "unit": {"active": "inactive"}}})
    await carry_out(machines, plan, local)
    assert machines.log[:4] == [f"start {S1}", f"start {S2}", f"start {S3}", f"serving {S1}"]
    assert machines.log.index(f"start {A1}") > machines.log.index(f"serving {S1}")


class _Slow(FakeHost):
    """Takes its time to restart; `away` are those that do at the moment, `seen` the most at one time."""

    away: ClassVar[set[str]] = set()
    seen: ClassVar[list[int]] = []

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        if "systemctl restart" not in command:
            return await super().run(command, deadline=deadline, stdin=stdin, check=check)
        self.away.add(self.name)
        self.seen.append(len(self.away))
        try:
            await asyncio.sleep(0.02)
            return await super().run(command, deadline=deadline, stdin=stdin, check=check)
        finally:
            self.away.remove(self.name)


@pytest.mark.parametrize("at_once", [1, 2, 3])
async def test_as_many_of_a_pool_restart_at_once_as_may(local: dict[str, LocalFile], at_once: int) -> None:
    wanted = desired(1, 4)
    nodes = tuple(dataclasses.replace(node, at_once=at_once) for node in wanted.nodes)
    machines = Machines(dataclasses.replace(wanted, nodes=nodes))
    machines.hosts = {name: _Slow(name, machines.answer) for name in machines.hosts}
    plan = plan_of(machines.plan, {"*": {"is": "running", "restart_pending": True}}, {"*": {}})
    _Slow.seen.clear()
    await carry_out(machines, plan, local)
    assert len(_Slow.seen) == len(nodes)
    assert _Slow.seen[0] == 1
    assert max(_Slow.seen) == at_once


async def test_restarts_come_one_after_the_other(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(3, 2))
    changed = {"is": "running", "files": {"/etc/rancher/k3s/config.yaml": "0"}, "texts": {}}
    plan = plan_of(machines.plan, {"*": changed}, {"*": {}})
    machines.nodes = dict(api(machines.plan, {"*": {}}).nodes)  # type: ignore[union-attr]
    await carry_out(machines, plan, local)
    servers = [line for line in machines.log if "control-plane" in line]
    assert servers == [f"{verb} {name}" for name in (S1, S2, S3) for verb in ("restart", "serving")]
    marks = [c for c in machines.hosts[A1].commands if "touch /run/kbootstrap/restart" in c]
    assert len(marks) == 1


async def test_a_new_machine_of_an_old_name(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 2))
    plan = plan_of(machines.plan, {"*": {"is": "running"}, A2: {}}, {"*": {}, A2: {"ready": False}})
    machines.nodes = dict(api(machines.plan, {"*": {}}).nodes)  # type: ignore[union-attr]
    await carry_out(machines, plan, local)
    assert machines.log.index(f"forget {A2}") < machines.log.index(f"start {A2}")
    assert f"start {S1}" not in machines.log


async def test_labels_are_tried_again_after_a_conflict(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 1, labels={"tier": "web"}), conflicts=2)
    await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert machines.nodes[A1].labels == {"tier": "web"}
    assert machines.nodes[A1].applied == '{"labels":["tier"],"taints":[]}'


async def test_a_ready_from_before_does_not_count(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 1), clock=1000)
    stopped = {"*": {"is": "running"}, A1: {"is": "running", "unit": {"active": "inactive"}}}
    plan = plan_of(machines.plan, stopped, {"*": {"heartbeat": 900}})
    machines.nodes = dict(api(machines.plan, {"*": {"heartbeat": 900}}).nodes)  # type: ignore[union-attr]
    machines.ready = frozenset()
    with pytest.raises(DeadlinePassed):
        await carry_out(machines, plan, local)
    machines.ready = None
    await carry_out(machines, plan, local)


async def test_enable_only(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 0))
    plan = plan_of(machines.plan, {"*": {"is": "running", "unit": {"enabled": False}}}, {"*": {}})
    await carry_out(machines, plan, local)
    assert [line for line in machines.log if S1 in line] == [f"enable {S1}"]


async def test_the_first_server_fails(monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]) -> None:
    monkeypatch.setattr(node_actions, "STEADY", 0.0)
    machines = Machines(
        desired(1, 1),
        serving={S1: output(status=1)},
        journal={S1: "listen tcp :6443: bind: address already in use\ntoken " + SERVER_TOKEN},
    )
    with pytest.raises(InstallFailed) as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    error = caught.value
    assert error.code == "KB0814"
    assert error.host == S1
    assert "another program listens" in error.message
    assert "journalctl -u k3s.service" in str(error.hint)
    assert "address already in use" in str(error.detail)
    assert SERVER_TOKEN not in str(error.detail)
    assert f"start {A1}" not in machines.log


async def test_a_server_that_never_serves(
    monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]
) -> None:
    monkeypatch.setattr(node_actions, "SERVING", 0.05)
    machines, events = Machines(desired(1, 0), serving={S1: output(status=124)}), list[Event]()
    with pytest.raises(DeadlinePassed, match="has not become ready within") as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local, events)
    assert caught.value.code == "KB0815"
    assert any(e.status is Status.WAITING for e in events)


async def test_a_joining_server_fails_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]
) -> None:
    monkeypatch.setattr(node_actions, "STEADY", 0.0)
    machines = Machines(desired(3, 2), serving={S2: output(status=1)})
    with pytest.raises(InstallFailed) as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.host == S2
    assert f"start {S3}" not in machines.log
    assert {f"start {A1}", f"start {A2}"} <= set(machines.log)


async def test_full_disk_on_one_agent(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 2))
    machines.hosts[A1].free = 100
    with pytest.raises(InstallFailed, match="space") as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.host == A1
    assert f"start {A1}" not in machines.log
    assert f"start {A2}" in machines.log


async def test_full_disk_on_the_first_server(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(3, 1))
    machines.hosts[S1].free = 100
    with pytest.raises(InstallFailed, match="space"):
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert machines.log == []


async def test_full_disk_on_a_joining_server(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(3, 0))
    machines.hosts[S2].free = 100
    with pytest.raises(InstallFailed, match="space"):
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert f"serving {S3}" in machines.log


async def test_several_failures_are_named(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 2))
    machines.hosts[A1].free = machines.hosts[A2].free = 100
    with pytest.raises(InstallFailed, match="failed too: local-default-"):
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)


async def test_the_first_server_does_not_hide_who_failed_before(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 1), serving={S1: Hang(0.2, then=Drop())})
    machines.hosts[A1].free = 100
    with pytest.raises(HostUnreachable, match=f"failed too: {A1}") as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.host == S1


async def test_two_failures_at_the_same_moment_end_the_run(local: dict[str, LocalFile]) -> None:
    """An agent that waited for its own bits took the end of the run for theirs, and waited for ever."""
    machines = Machines(desired(1, 1), serving={S1: Drop()})
    machines.hosts[A1].free = 100
    async with asyncio.timeout(5):
        with pytest.raises(HostUnreachable):
            await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)


async def test_a_full_disk_keeps_the_stamp(tmp_path: Path, local: dict[str, LocalFile]) -> None:
    """Without its claim the machine would count as somebody else's."""
    stamp = tmp_path / "stamp"
    stamp.write_text("cluster local\nartifact 1 2 v0 /usr/local/bin/k3s\n")
    told: list[str] = []

    class Shell(FakeHost):
        async def run(
            self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
        ) -> Output:
            del stdin
            done = await LocalRunner().run(["sh", "-c", command], deadline=deadline, check=False)
            told.append(done.stderr)
            if check and done.status:
                raise InstallFailed(done.stderr)
            return Output(done.status, done.stdout, done.stderr)

    plan = desired(1, 0)
    distro: Any = K3s(paths=dataclasses.replace(plan.distro.paths, stamp=str(stamp)))
    steps = plan_of(plan, {"*": {}}).steps[S1]
    stage = next(step for step in steps if isinstance(step, StageFile))
    actions = node_actions.NodeActions(Shell(S1), dataclasses.replace(plan, distro=distro), Redactor())
    (tmp_path / "stamp.new").symlink_to("/dev/full")
    with pytest.raises(InstallFailed, match="No space left"):
        await actions.stage(stage.artifact, stage.version, local, aside=stage.aside)
    assert stamp.read_text().startswith("cluster local\n")
    assert "No space left" in told[-1]
    (tmp_path / "stamp.new").unlink()
    await actions.stage(stage.artifact, stage.version, local, aside=stage.aside)
    assert stamp.read_text().splitlines()[0] == "cluster local"
    assert stamp.read_text().count("/usr/local/bin/k3s") == 1


async def test_a_host_that_disappears(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 1), serving={S1: Drop()})
    with pytest.raises(HostUnreachable):
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)


async def test_a_node_that_never_registers(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 1), ready=frozenset({S1}), journal={A1: "Node password rejected"})
    with pytest.raises(DeadlinePassed, match="it never registered") as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.code == "KB0816"
    assert "another password" in caught.value.message


async def test_a_known_cause_ends_the_wait(
    monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]
) -> None:
    monkeypatch.setattr(readiness, "READY", 60.0)
    monkeypatch.setattr(readiness, "_LOOK", 0)
    machines = Machines(desired(1, 1), ready=frozenset({S1}), journal={A1: "token CA hash does not match"})
    with pytest.raises(InstallFailed, match="the cluster refuses its token") as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.host == A1


async def test_an_api_that_stays_silent(monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]) -> None:
    monkeypatch.setattr(watch, "API", 0.05)
    machines = Machines(desired(1, 0), silent=True)
    with pytest.raises(InstallFailed) as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.code == "KB0817"


async def test_an_artifact_that_is_missing() -> None:
    machines = Machines(desired(1, 0))
    with pytest.raises(PrerequisiteMissing) as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), {})
    assert caught.value.code == "KB0819"


async def test_a_refused_plan_is_not_carried_out(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired(1, 0))
    plan = plan_of(machines.plan, {"*": {"others": ["rke2"]}})
    assert plan.refused
    assert not plan.empty
    with pytest.raises(InstallFailed) as caught:
        await carry_out(machines, plan, local)
    assert caught.value.diagnostics == plan.diagnostics
    assert all(not host.calls for host in machines.hosts.values())


def test_deadlines_are_ordered() -> None:
    assert deadlines.REQUEST < deadlines.API <= deadlines.SERVING
    assert deadlines.ROUND < deadlines.COMMAND
    assert isinstance(FakeHost("x"), FakeHost)
