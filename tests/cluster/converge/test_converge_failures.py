"""Failures: which other nodes continue, and what is reported."""

from __future__ import annotations

import asyncio

import pytest

from kbootstrap.cluster.converge import node_actions
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.core.errors import DeadlinePassed, HostUnreachable, InstallFailed, PrerequisiteMissing
from kbootstrap.core.events import Event, Status
from tests.cluster.converge.samples import A1, A2, S1, S2, S3, plan_of
from tests.cluster.machines import SERVER_TOKEN, Machines, carry_out
from tests.cluster.world import desired_cluster
from tests.hosts.fake import Drop, Hang, output

pytestmark = pytest.mark.usefixtures("quick")


async def test_the_first_server_fails(monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]) -> None:
    monkeypatch.setattr(node_actions, "STEADY", 0.0)
    machines = Machines(
        desired_cluster(1, 1),
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
    machines, events = Machines(desired_cluster(1, 0), serving={S1: output(status=124)}), list[Event]()
    with pytest.raises(DeadlinePassed, match="has not become ready within") as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local, events)
    assert caught.value.code == "KB0815"
    assert any(e.status is Status.WAITING for e in events)


async def test_a_joining_server_fails_and_the_agents_continue(
    monkeypatch: pytest.MonkeyPatch, local: dict[str, LocalFile]
) -> None:
    monkeypatch.setattr(node_actions, "STEADY", 0.0)
    machines = Machines(desired_cluster(3, 2), serving={S2: output(status=1)})
    with pytest.raises(InstallFailed) as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.host == S2
    assert f"start {S3}" in machines.log
    assert f"serving {S3}" not in machines.log
    assert {f"start {A1}", f"start {A2}"} <= set(machines.log)


async def test_full_disk_on_one_agent(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(1, 2))
    machines.hosts[A1].free = 100
    with pytest.raises(InstallFailed, match="space") as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.host == A1
    assert f"start {A1}" not in machines.log
    assert f"start {A2}" in machines.log


async def test_full_disk_on_the_first_server(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(3, 1))
    machines.hosts[S1].free = 100
    with pytest.raises(InstallFailed, match="space"):
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert machines.log == []


async def test_full_disk_on_a_joining_server(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(3, 0))
    machines.hosts[S2].free = 100
    with pytest.raises(InstallFailed, match="space"):
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert f"serving {S3}" in machines.log


async def test_several_failures_are_named(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(1, 2))
    machines.hosts[A1].free = machines.hosts[A2].free = 100
    with pytest.raises(InstallFailed, match="failed too: local-default-"):
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)


async def test_the_first_server_does_not_hide_earlier_failures(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(1, 1), serving={S1: Hang(0.2, then=Drop())})
    machines.hosts[A1].free = 100
    with pytest.raises(HostUnreachable, match=f"failed too: {A1}") as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)
    assert caught.value.host == S1


async def test_two_failures_at_the_same_moment_end_the_run(local: dict[str, LocalFile]) -> None:
    """An agent that waited for its own bits took the end of the run for theirs, and waited for ever."""
    machines = Machines(desired_cluster(1, 1), serving={S1: Drop()})
    machines.hosts[A1].free = 100
    async with asyncio.timeout(60):
        with pytest.raises(HostUnreachable):
            await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)


async def test_a_host_that_disappears(local: dict[str, LocalFile]) -> None:
    machines = Machines(desired_cluster(1, 1), serving={S1: Drop()})
    with pytest.raises(HostUnreachable):
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), local)


async def test_an_artifact_that_is_missing() -> None:
    machines = Machines(desired_cluster(1, 0))
    with pytest.raises(PrerequisiteMissing) as caught:
        await carry_out(machines, plan_of(machines.plan, {"*": {}}), {})
    assert caught.value.code == "KB0819"
