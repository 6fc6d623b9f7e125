"""A server without its network: the service, the workers and the watch on fakes, on a simulated clock.

`life` is one process: it ends like a killed one, and the next one begins with nothing but the fakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from kbootstrap.autoscaler import merge
from kbootstrap.autoscaler.cloud import BoundCloud
from kbootstrap.autoscaler.definition import Definition
from kbootstrap.autoscaler.fleet import Fleet
from kbootstrap.autoscaler.model import Group, Instance, Notice, Phase, State
from kbootstrap.autoscaler.service import Service
from kbootstrap.autoscaler.watch import Watch
from kbootstrap.autoscaler.wire import Message
from kbootstrap.autoscaler.wire.messages import message
from kbootstrap.autoscaler.workers import Workers
from kbootstrap.providers.context import ProviderContext
from tests.autoscaler.fakes import Boundary, FakeCloud, FakeInstaller, FakeKubernetes
from tests.autoscaler.samples import large, small
from tests.fleet.clock import Clock

T = TypeVar("T")


def on_clock(work: Coroutine[Any, Any, T], clock: Clock) -> T:
    """Run a test on the simulated clock."""
    with asyncio.Runner(loop_factory=clock.loop) as runner:
        return runner.run(work)


@dataclass
class Life:
    """One process of the server."""

    fleet: Fleet
    service: Service
    workers: Workers
    watch: Watch

    async def call(self, name: str, **fields: object) -> Message:
        kind = "NodeGroupAutoscalingOptionsRequest" if name == "NodeGroupGetOptions" else f"{name}Request"
        return await self.service.answers[name](message(kind)(**fields))

    async def grow(self, group: str, delta: int) -> None:
        await self.call("NodeGroupIncreaseSize", id=group, delta=delta)

    async def remove(self, group: str, *names: str) -> None:
        await self.call("NodeGroupDeleteNodes", id=group, nodes=[{"name": name} for name in names])

    async def target(self, group: str) -> int:
        return int((await self.call("NodeGroupTargetSize", id=group)).targetSize)

    def phases(self) -> dict[str, Phase]:
        return {one.name: one.phase for one in self.fleet.state.instances.values()}

    def of(self, phase: Phase) -> list[Instance]:
        return [one for one in self.fleet.state.instances.values() if one.phase is phase]


@dataclass
class Rig:
    """The fakes, and the lives of the server on them."""

    clock: Clock = field(default_factory=lambda: Clock(0.0, lambda _now: None))
    groups: Sequence[Group] = field(default_factory=lambda: (small(), large()))
    notices: list[Notice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cloud = FakeCloud(self.clock.time)
        self.kubernetes = FakeKubernetes(self.clock.time)
        self.installer = FakeInstaller(self.kubernetes)
        self.kubernetes.add("prod-web-1")

    @property
    def reasons(self) -> list[str]:
        return [notice.reason for notice in self.notices]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return on_clock(work, self.clock)

    @asynccontextmanager
    async def life(self, at: int = -1) -> AsyncIterator[Life]:
        """Begin a process that ends at the call number `at`."""
        boundary = Boundary(at)
        for fake in (self.cloud, self.kubernetes, self.installer):
            fake.boundary = boundary
        fleet = Fleet("k3s", self.clock.time, self.notices.append)
        fleet.become(merge.with_groups(State("k3s"), self.groups))
        no_definition, no_context = cast("Definition", None), cast("ProviderContext", None)
        cloud = BoundCloud(self.cloud, lambda _definition: no_context, no_definition)
        workers = Workers(fleet, cloud, self.installer, self.kubernetes)
        watch = Watch(fleet, cloud, self.kubernetes, lambda: workers.busy)
        one = Life(fleet, Service(fleet, _nothing), workers, watch)
        tasks = boundary.tasks
        try:
            await watch.read()
            tasks += [asyncio.ensure_future(work) for work in (workers.run(), watch.run())]
            yield one
        finally:
            boundary.dead = boundary.dead or "the end of the test"
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _nothing() -> None:
    pass
