"""Agents that arrive while a run goes on, and the way to the API that is opened later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from kbootstrap.cluster.converge.converge import converge
from kbootstrap.cluster.converge.pending import Arrival, Pending
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import HostUnreachable, KbootstrapError
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.model import Host
from tests.cluster.converge.samples import A1, A2, S1, S2, S3, TOKEN, plan_of
from tests.cluster.machines import AGENT_TOKEN, Machines
from tests.cluster.world import EXTERNAL, desired_cluster

pytestmark = pytest.mark.usefixtures("quick")


class _Run:
    """A cluster of three servers, whose agents come later; `log` also has what is waited for."""

    def __init__(self, local: Mapping[str, LocalFile]) -> None:
        self.machines, self.local = Machines(desired_cluster(3, 2)), local
        self.whole = plan_of(self.machines.plan, {"*": {}})
        self.open, self.come = asyncio.Event(), asyncio.Event()
        self.failure: KbootstrapError | None = None
        self.blind: KbootstrapError | None = None

    def part(self, *names: str) -> Plan:
        return replace(self.whole, steps={name: self.whole.steps[name] for name in names})

    async def arrivals(self) -> AsyncIterator[Arrival]:
        await self.come.wait()
        yield self._arrival(S1, S2, S3, A1)
        if self.failure:
            raise self.failure
        yield self._arrival(S1, S2, S3, A1, A2)

    def _arrival(self, *names: str) -> Arrival:
        hosts = {name: self.machines.hosts[name] for name in names}
        return Arrival(self.part(*names), self.machines.plan, hosts, self.local)

    async def entrance(self, server: Host) -> None:
        self.machines.log.append(f"look from {server.name}")
        if self.blind:
            raise self.blind
        await self.open.wait()
        self.machines.log.append("open")

    async def begin(self) -> str:
        servers = {name: self.machines.hosts[name] for name in (S1, S2, S3)}
        return await converge(
            self.part(S1, S2, S3),
            self.machines.plan,
            servers,
            artifacts=self.local,
            external=EXTERNAL,
            redactor=Redactor(),
            connect=self.machines.connect,
            pending=Pending(self.arrivals(), self.entrance),
        )


async def until(log: list[str], line: str) -> None:
    async with asyncio.timeout(20):
        while line not in log:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.01)


async def test_agents_that_come_later_join_when_they_can(local: dict[str, LocalFile]) -> None:
    run = _Run(local)
    log = run.machines.log
    work = asyncio.create_task(run.begin())
    await until(log, f"serving {S3}")
    assert not any(A1 in line for line in log), "it is not there yet"
    run.come.set()
    await until(log, f"look from {S1}")
    assert "/usr/local/bin/k3s" in run.machines.hosts[A1].files, "files do not wait for the way"
    assert not work.done()
    run.open.set()
    await work
    assert log.count(f"look from {S1}") == 1, "one look for all"
    assert log.index("open") < min(log.index(f"start {A1}"), log.index(f"start {A2}"))
    assert run.machines.hosts[A2].files[TOKEN] == AGENT_TOKEN.encode()


async def test_servers_do_not_wait_for_the_way(local: dict[str, LocalFile]) -> None:
    run = _Run(local)
    work = asyncio.create_task(run.begin())
    await until(run.machines.log, f"serving {S3}")
    assert "open" not in run.machines.log
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


async def test_an_agent_that_does_not_come_does_not_stop_the_others(local: dict[str, LocalFile]) -> None:
    run = _Run(local)
    run.failure = HostUnreachable("no SSH connection to it", host=A2)
    run.come.set()
    run.open.set()
    with pytest.raises(HostUnreachable):
        await run.begin()
    assert f"start {A1}" in run.machines.log
    assert f"serving {S3}" in run.machines.log
    assert not any(A2 in line for line in run.machines.log)


async def test_a_server_that_cannot_look_for_the_way_does_not_stop_the_others(
    local: dict[str, LocalFile],
) -> None:
    run = _Run(local)
    run.blind = HostUnreachable("the connection broke", host=S1)
    run.come.set()
    with pytest.raises(HostUnreachable, match="the connection broke"):
        await run.begin()
    assert f"serving {S3}" in run.machines.log
    assert not any(line in run.machines.log for line in (f"start {A1}", f"start {A2}"))
