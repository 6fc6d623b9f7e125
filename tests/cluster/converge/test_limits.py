"""How many agents of a pool are away at once, those included that an earlier run left so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from kbootstrap.cluster.converge.limits import Slots
from kbootstrap.cluster.steps.base import ConvergeStep
from kbootstrap.cluster.steps.machine import Claim
from kbootstrap.cluster.steps.membership import WaitReady
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.service import RestartService
from tests.cluster.world import desired_cluster

A1, A2, A3 = (f"local-default-{i}" for i in (1, 2, 3))
UNIT, VERSION = "k3s-agent.service", "v1.32.0+k3s1"


def restarts(name: str) -> tuple[ConvergeStep, ...]:
    return (RestartService(node=name, why="", unit=UNIT), *away(name))


def away(name: str) -> tuple[ConvergeStep, ...]:
    return (WaitReady(node=name, why="", unit=UNIT, version=VERSION),)


def new(name: str) -> tuple[ConvergeStep, ...]:
    return (Claim(node=name, why=""), *away(name))


def slots(*steps: tuple[ConvergeStep, ...]) -> Slots:
    return Slots(Plan("local", {some[0].node: some for some in steps}), desired_cluster(1, 3))


async def go(own: Slots, name: str, log: list[str], *, well: bool = True) -> None:
    async with own.slot(name) as free:
        log.append(f"{name} {'goes' if free else 'does not go'}")
        await asyncio.sleep(0)
    await own.ended(name, well=well)
    log.append(f"{name} ended")


async def all_of(own: Slots, names: Iterable[str]) -> list[str]:
    log: list[str] = []
    await asyncio.wait_for(asyncio.gather(*(go(own, name, log) for name in names)), 5)
    return log


async def test_one_after_the_other() -> None:
    log = await all_of(slots(restarts(A1), restarts(A2)), (A1, A2))
    assert log == [f"{A1} goes", f"{A1} ended", f"{A2} goes", f"{A2} ended"]


async def test_unavailable_agents_count() -> None:
    log = await all_of(slots(restarts(A1), away(A2), restarts(A3)), (A1, A2, A3))
    assert log[:2] == [f"{A2} goes", f"{A2} ended"]
    assert log.index(f"{A1} ended") < log.index(f"{A3} goes")


async def test_an_agent_that_does_not_return_blocks_the_others() -> None:
    own, log = slots(restarts(A1), away(A2)), list[str]()
    await asyncio.wait_for(asyncio.gather(go(own, A1, log), go(own, A2, log, well=False)), 5)
    assert f"{A1} does not go" in log


async def test_new_nodes_do_not_count_as_unavailable() -> None:
    log = await all_of(slots(restarts(A1), new(A2), new(A3)), (A1, A2, A3))
    assert log[:3] == [f"{A1} goes", f"{A2} goes", f"{A3} goes"]
