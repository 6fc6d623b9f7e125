"""The simulated fleet's provider for the contract suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kbootstrap.distros.common import STAMP
from kbootstrap.providers import find
from tests.fleet.infra import Plan
from tests.fleet.machines import Machine
from tests.fleet.provider import Simulated
from tests.fleet.world import World
from tests.providers.local import fake
from tests.providers.subject import Subject, contract

T = TypeVar("T")


@dataclass
class _Gate:
    """Counts the calls of the simulated infrastructure."""

    log: list[str] = field(default_factory=list)
    plans: dict[str, Plan] = field(default_factory=dict)

    async def call(self, what: str, work: Callable[[], T], *, seconds: float, late: bool = False) -> T:
        del seconds, late
        self.log.append(what)
        return work()

    async def wait(self, seconds: float) -> None:
        del seconds


@contextmanager
def subject(folder: Path) -> Iterator[Subject]:
    """The machines of a simulated fleet."""
    context = fake.context(fake.FakeRunner({}), folder)
    world, gate = World(), _Gate()
    for node in context.nodes:
        machine = Machine(node.name, f"id-{node.name}", str(node.address))
        machine.files[STAMP] = b"c"
        world.machines[node.name] = machine
    yield Subject(
        Simulated(world, find("local"), gate),
        context,
        contract(context),
        lambda: len(gate.log),
        lambda: [*gate.log],
        world.destroy,
    )
