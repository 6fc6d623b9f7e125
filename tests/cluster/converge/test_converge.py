"""The order in which steps are carried out, and what reaches the nodes."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import ClassVar

import pytest

from kbootstrap.cluster import deadlines
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.events import Event, Status, Type
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.model import Output
from tests.cluster.converge.samples import A1, A2, AGENT, S1, S2, S3, TOKEN, plan_of
from tests.cluster.machines import AGENT_TOKEN, KUBECONFIG, RAW_AGENT, SERVER_TOKEN, Machines, carry_out
from tests.cluster.world import api, desired_cluster
from tests.hosts.fake import FakeHost, Hang, Put, Run

pytestmark = pytest.mark.usefixtures("quick")


async def test_a_new_cluster(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(3, 2, labels={"node-role.kubernetes.io/web": "true"}))
    text = await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert text == KUBECONFIG.rstrip("\n")
    log = machines.log
    assert log[:2] == [f"start {S1}", f"serving {S1}"]
    for name in (S2, S3):
        assert log.index(f"serving {S1}") < log.index(f"start {name}") < log.index(f"serving {name}")
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


async def test_servers_join_together(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(3, 0), serving={S2: Hang()})
    applying = asyncio.create_task(carry_out(machines, plan_of(machines.plan, {"*": {}}), local))
    async with asyncio.timeout(60):
        while not {f"serving {S2}", f"start {S3}"} <= set(machines.log):  # noqa: ASYNC110 - the log is a list
            await asyncio.sleep(0.01)
    assert not applying.done()
    applying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await applying


async def test_bits_of_the_first_server_go_first(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(1, 2))
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
    machines = Machines(desired_cluster(1, 0))
    await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    first, *rest = machines.hosts[S1].calls
    assert isinstance(first, Run)
    assert "cluster local" in first.command
    assert "file /etc/rancher/k3s/config.yaml" in first.command
    assert "/run/kbootstrap/restart" not in first.command
    stamp = next(c.command for c in rest if isinstance(c, Run) and "artifact " in c.command)
    assert f"artifact {'5' * 64}" in stamp


async def test_no_secret_in_commands_or_events(local: dict[str, LocalFile]) -> None:
    machines, events, redactor = Machines(desired_cluster(2, 1)), list[Event](), Redactor()
    await carry_out(machines, plan_of(machines.plan, {"*": {}}), local, events, redactor)
    made = [machines.hosts[S1].files[path].decode() for path in (TOKEN, AGENT)]
    said = "\n".join(c for host in machines.hosts.values() for c in host.commands) + repr(events)
    for secret in (*made, SERVER_TOKEN, AGENT_TOKEN, RAW_AGENT):
        assert secret not in said
        assert secret not in redactor.clean(f"x {secret} y")
    assert "c2VjcmV0IGtleSBvZiB0aGUgYWRtaW4=" not in redactor.clean(KUBECONFIG)


async def test_events_report_every_step(local: dict[str, LocalFile]) -> None:
    machines, events = Machines(desired_cluster(1, 1)), list[Event]()
    plan = plan_of(machines.plan, {"*": {}})
    await carry_out(machines, plan, local, events)
    done = {(e.node, e.step) for e in events if e.type is Type.STEP and e.status is Status.DONE}
    assert done == {(s.node, s.title) for steps in plan.steps.values() for s in steps}
    progress = [e for e in events if e.type is Type.PROGRESS]
    assert progress
    assert all(e.unit == "bytes" and e.total for e in progress)


async def test_members_that_stopped_start_together(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(3, 1))
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
    desired = desired_cluster(1, 4)
    nodes = tuple(dataclasses.replace(node, at_once=at_once) for node in desired.nodes)
    machines = Machines(dataclasses.replace(desired, nodes=nodes))
    machines.hosts = {name: _Slow(name, machines.answer) for name in machines.hosts}
    plan = plan_of(machines.plan, {"*": {"is": "running", "restart_pending": True}}, {"*": {}})
    _Slow.seen.clear()
    await carry_out(machines, plan, local)
    assert len(_Slow.seen) == len(nodes)
    assert _Slow.seen[0] == 1
    assert max(_Slow.seen) == at_once


async def test_restarts_come_one_after_the_other(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(3, 2))
    changed = {"is": "running", "files": {"/etc/rancher/k3s/config.yaml": "0"}, "texts": {}}
    plan = plan_of(machines.plan, {"*": changed}, {"*": {}})
    machines.nodes = dict(api(machines.plan, {"*": {}}).nodes)  # type: ignore[union-attr]
    await carry_out(machines, plan, local)
    servers = [line for line in machines.log if "control-plane" in line]
    assert servers == [f"{verb} {name}" for name in (S1, S2, S3) for verb in ("restart", "serving")]
    marks = [c for c in machines.hosts[A1].commands if "touch /run/kbootstrap/restart" in c]
    assert len(marks) == 1


async def test_a_new_machine_of_an_old_name(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(1, 2))
    plan = plan_of(machines.plan, {"*": {"is": "running"}, A2: {}}, {"*": {}, A2: {"ready": False}})
    machines.nodes = dict(api(machines.plan, {"*": {}}).nodes)  # type: ignore[union-attr]
    await carry_out(machines, plan, local)
    assert machines.log.index(f"forget {A2}") < machines.log.index(f"start {A2}")
    assert f"start {S1}" not in machines.log


async def test_enable_only(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(1, 0))
    plan = plan_of(machines.plan, {"*": {"is": "running", "unit": {"enabled": False}}}, {"*": {}})
    await carry_out(machines, plan, local)
    assert [line for line in machines.log if S1 in line] == [f"enable {S1}"]


async def test_a_refused_plan_is_not_carried_out(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(1, 0))
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
