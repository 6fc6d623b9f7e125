"""The elastic machines of a simulated fleet."""

# ruff: noqa: ARG002 - arguments as the contract has them

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Protocol, TypeVar

from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.elastic import (
    AddressTaken,
    ElasticMachine,
    MachineOrder,
    MachinePhase,
    Shape,
)
from tests.fleet.clock import EPOCH
from tests.fleet.machines import Machine
from tests.fleet.world import World

BOOT, LIST = 2.0, 0.3
T = TypeVar("T")


class Counted(Protocol):
    """What counts calls."""

    async def call(self, what: str, work: Callable[[], T], *, seconds: float, late: bool = False) -> T:
        """Do something that others see."""


class Elastic:
    """Implements `ElasticMachines` with machines of the world."""

    def __init__(self, world: World, gate: Counted) -> None:
        self._world, self._gate = world, gate

    async def list(self, context: ProviderContext) -> tuple[ElasticMachine, ...]:
        await asyncio.sleep(LIST)
        return tuple(map(self._shown, self._own()))

    async def create(self, context: ProviderContext, order: MachineOrder) -> ElasticMachine:
        def make() -> Machine:
            world = self._world
            if there := next((one for one in self._own() if one.name == order.name), None):
                return there
            if any(one.address == order.address for one in world.machines.values()):
                raise AddressTaken(f"{order.address} is in use")
            world.counter += 1
            made = Machine(order.name, f"i-{world.counter}", order.address, world.kind, booted=world.now)
            made.pool, made.created = order.pool, world.now
            world.machines[order.name] = made
            world.touched.append(("make", order.name))
            return made

        return self._shown(await self._gate.call(f"create {order.name}", make, seconds=LIST))

    async def delete(self, context: ProviderContext, machine: ElasticMachine) -> None:
        def remove() -> None:
            if machine.name in self._world.machines:
                self._world.destroy(machine.name)
                self._world.touched.append(("destroy", machine.name))

        await self._gate.call(f"delete {machine.name}", remove, seconds=LIST)

    async def shapes(self, context: ProviderContext, flavors: Collection[str]) -> Mapping[str, Shape]:
        return {"": Shape(2, 4000, 20)} if "" in flavors else {}

    def _own(self) -> Iterator[Machine]:
        return (one for one in self._world.machines.values() if one.pool)

    def _shown(self, one: Machine) -> ElasticMachine:
        up = self._world.now - one.booted >= BOOT
        phase = MachinePhase.RUNNING if up else MachinePhase.CREATING
        return ElasticMachine(one.instance, one.name, one.pool, "", one.address, phase, EPOCH + one.created)
