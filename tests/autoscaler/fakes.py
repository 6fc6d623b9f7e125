"""An infrastructure, an installation and a Kubernetes in memory, with delays, failures, and hanging calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from kbootstrap.autoscaler.model import Notice, SeenNode
from kbootstrap.autoscaler.ports import LeaderLease
from kbootstrap.cluster.api.model import ApiUnavailable
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.elastic import (
    AddressTaken,
    ElasticMachine,
    MachineOrder,
    MachinePhase,
    OutOfResources,
    Shape,
)

SHAPES = {
    "small": Shape(2, 4096, 20, labels={"node.kubernetes.io/instance-type": "small"}),
    "large": Shape(8, 16384, 80, labels={"node.kubernetes.io/instance-type": "large"}),
    "": Shape(2, 4096, 20),
}


NEVER = 1e6


class Killed(BaseException):
    """The process of the server ends here. No `except Exception` sees it, as with SIGKILL."""


@dataclass
class Boundary:
    """Ends the process at one of the calls: before it has an effect, or after it and before its answer.

    A process that has ended calls nothing any more.
    """

    at: int = -1
    passed: int = 0
    dead: str = ""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    """What ends with the process."""

    def step(self, name: str) -> None:
        self.passed += 1
        if self.passed == self.at:
            self.dead = name
        if self.dead:
            for task in self.tasks:
                task.cancel()
            raise Killed(self.dead)


@dataclass
class FakeCloud:
    """Implements `ElasticMachines`. A machine runs `boot` seconds after it was requested.

    `room` is how many machines fit into the quota. `fail` has errors for the next calls, by operation; `hang`
    names operations that never answer; `broken` machines get an error instead of running: True for lack of
    resources. `taken` addresses are refused.
    """

    clock: Callable[[], float]
    boot: float = 20.0
    delay: float = 0.5
    room: int = 1000
    openstack: bool = False
    fail: dict[str, list[KbootstrapError]] = field(default_factory=dict)
    hang: set[str] = field(default_factory=set)
    broken: dict[str, bool] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    kept: dict[str, ElasticMachine] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    boundary: Boundary = field(default_factory=Boundary)
    _number: int = 0

    @property
    def names(self) -> list[str]:
        return sorted(one.name for one in self.kept.values())

    def add(self, name: str, pool: str = "web", flavor: str = "small", age: float = 0.0, **more: str) -> str:
        """Add a machine as if an earlier server had made it, and return its ID."""
        self._number += 1
        id_ = f"u-{self._number:04}"
        address = more.get("address", f"10.0.9.{self._number}")
        created = self.clock() - age
        one = ElasticMachine(id_, name, pool, flavor, address, MachinePhase.CREATING, created)
        self.kept[id_] = replace(one, provider_id=f"openstack:///{id_}") if self.openstack else one
        return id_

    async def list(self, context: ProviderContext) -> tuple[ElasticMachine, ...]:
        del context
        await self._answer("list")
        return tuple(map(self._now, self.kept.values()))

    async def create(self, context: ProviderContext, order: MachineOrder) -> ElasticMachine:
        del context
        await self._answer("create")
        same = next((one for one in self.kept.values() if one.name == order.name), None)
        if same is None:
            if len(self.kept) >= self.room:
                raise OutOfResources("the quota of the project is exhausted: instances")
            if order.address in self.taken | {one.address for one in self.kept.values()}:
                raise AddressTaken(f"{order.address} is in use")
            id_ = self.add(order.name, order.pool, order.flavor, address=order.address)
            same = self.kept[id_]
        self.boundary.step("after create")
        return self._now(same)

    async def delete(self, context: ProviderContext, machine: ElasticMachine) -> None:
        del context
        await self._answer("delete")
        self.kept.pop(machine.id, None)
        self.boundary.step("after delete")

    async def shapes(self, context: ProviderContext, flavors: Collection[str]) -> Mapping[str, Shape]:
        del context
        await self._answer("shapes")
        return {name: SHAPES[name] for name in flavors if name in SHAPES}

    def _now(self, one: ElasticMachine) -> ElasticMachine:
        if one.name in self.broken:
            text = "No valid host was found"
            return replace(one, phase=MachinePhase.FAILED, fault=text, exhausted=self.broken[one.name])
        up = self.clock() - one.created >= self.boot
        return replace(one, phase=MachinePhase.RUNNING if up else MachinePhase.CREATING)

    async def _answer(self, operation: str) -> None:
        self.calls.append(operation)
        self.boundary.step(f"before {operation}")
        await asyncio.sleep(self.delay)
        if operation in self.hang:
            await asyncio.sleep(NEVER)
        if errors := self.fail.get(operation):
            raise errors.pop(0)


@dataclass
class FakeKubernetes:
    """Implements `ports.Kubernetes`; shared by several servers. While `down`, it does not answer."""

    clock: Callable[[], float]
    kept: dict[str, SeenNode] = field(default_factory=dict)
    lease_: LeaderLease = field(default_factory=LeaderLease)
    events: list[Notice] = field(default_factory=list)
    down: bool = False
    boundary: Boundary = field(default_factory=Boundary)
    version: int = 0

    def add(self, name: str, provider_id: str = "", *, ready: bool = True) -> None:
        self.kept[name] = SeenNode(name, provider_id or f"k3s://{name}", ready)

    async def seen_nodes(self) -> tuple[SeenNode, ...]:
        await self._answer("nodes")
        return tuple(self.kept.values())

    async def delete_node(self, name: str) -> None:
        await self._answer("delete node")
        self.kept.pop(name, None)

    async def keep_node(self, name: str) -> None:
        await self._answer("keep node")
        if name in self.kept:
            self.kept[name] = replace(self.kept[name], kept=True)

    async def lease(self) -> LeaderLease:
        await self._answer()
        return self.lease_

    async def put_lease(self, lease: LeaderLease) -> bool:
        await self._answer()
        if lease.version != self.lease_.version:
            return False
        self.version += 1
        self.lease_ = replace(lease, version=str(self.version), renewed=str(self.clock()))
        return True

    async def report(self, notice: Notice, count: int) -> None:
        await self._answer()
        self.events += [notice] * count

    async def close(self) -> None:
        pass

    async def _answer(self, what: str = "") -> None:
        if what:
            self.boundary.step(what)
        await asyncio.sleep(0.02)
        if self.down:
            raise ApiUnavailable("the Kubernetes API does not answer")


@dataclass
class FakeInstaller:
    """Implements `ports.Installer`: a Node is Ready `seconds` after the installation begins.

    `fail` has the names of machines (or "*") whose installation fails; `hang` those that never answer.
    `at_once` is the largest number of installations that ran together.
    """

    kubernetes: FakeKubernetes
    seconds: float = 30.0
    fail: set[str] = field(default_factory=set)
    hang: set[str] = field(default_factory=set)
    begun: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    running: int = 0
    at_once: int = 0
    boundary: Boundary = field(default_factory=Boundary)

    async def install(self, machine: ElasticMachine) -> None:
        self.boundary.step("before install")
        self.begun.append(machine.name)
        self.running += 1
        self.at_once = max(self.at_once, self.running)
        try:
            await asyncio.sleep(self.seconds)
            if {machine.name, "*"} & self.hang:
                await asyncio.sleep(NEVER)
            if {machine.name, "*"} & self.fail:
                raise KbootstrapError(f"{machine.name} refuses the connection")
            self.kubernetes.add(machine.name, machine.provider_id)
            self.boundary.step("after install")
        finally:
            self.running -= 1

    async def forget(self, name: str) -> None:
        self.boundary.step("before forget")
        self.forgotten.append(name)
