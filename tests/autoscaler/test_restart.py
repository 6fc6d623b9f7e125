"""The server is killed at every call that it makes, and the next one loses, doubles and leaves nothing."""

from __future__ import annotations

import asyncio

import pytest

from kbootstrap.autoscaler.model import InstancePhase
from kbootstrap.autoscaler.refusal import Refusal
from tests.autoscaler.fakes import Killed
from tests.autoscaler.rig import Life, Rig

WEB = "web/small"
_LOOP = 10.0
"""Seconds of one loop of Cluster Autoscaler."""


async def drive(server: Life, wanted: int, seconds: float) -> None:
    """Do what Cluster Autoscaler's loop does: ask for missing nodes, remove those that are too many."""
    for _ in range(round(seconds / _LOOP)):
        target = await server.target(WEB)
        ready = sorted(one.name for one in server.of(InstancePhase.RUNNING))
        try:
            if target < wanted:
                await server.grow(WEB, wanted - target)
            elif target > wanted and ready:
                await server.remove(WEB, *ready[: target - wanted])
        except Refusal:
            pass  # as Cluster Autoscaler: the next loop looks again
        await asyncio.sleep(_LOOP)


async def live(rig: Rig, at: int) -> str:
    """Grow by two, shrink by one; die at call `at`. Return where it died; empty if it made fewer calls."""
    try:
        async with rig.life(at) as server:
            for wanted, seconds in ((3, 100), (2, 80)):
                if not rig.cloud.boundary.dead:
                    await drive(server, wanted, seconds)
            return rig.cloud.boundary.dead
    except Killed as killed:
        return str(killed)


def check(rig: Rig, server: Life) -> None:
    names = rig.cloud.names
    assert len(names) == len(set(names)) == 1
    assert server.phases() == dict.fromkeys(names, InstancePhase.RUNNING)
    assert rig.kubernetes.kept.keys() == {"prod-web-1", *names}
    assert len({one.address for one in rig.cloud.kept.values()}) == len(names)


@pytest.mark.parametrize("ghost", [False, True], ids=["plain", "late"])
def test_killed_at_every_call(ghost: bool) -> None:
    """With `ghost`, a request that was sent before the end has its effect only afterwards."""
    at, where = 0, "begin"
    seen = set()
    while where:
        at += 1
        rig = Rig()

        async def story(rig: Rig = rig, at: int = at) -> str:
            where = await live(rig, at)
            if ghost and where == "before create":
                asyncio.get_running_loop().call_later(15, rig.cloud.add, "prod-web-zzzzz")
            async with rig.life() as server:
                await drive(server, 2, 300)
                check(rig, server)
            return where

        where = rig.run(story())
        seen.add(where)
    assert {"before create", "after create", "before install", "after install"} <= seen
    assert {"before delete", "after delete", "before forget", "delete node"} <= seen


def test_a_wish_that_was_not_begun_is_asked_for_again() -> None:
    """There is no database: the target is what exists, and Cluster Autoscaler still has its pods."""
    rig = Rig()
    rig.cloud.hang = {"create"}

    async def story() -> None:
        async with rig.life() as server:
            await server.grow(WEB, 3)
            await asyncio.sleep(5)
            assert await server.target(WEB) == 4
        rig.cloud.hang.clear()
        async with rig.life() as server:
            assert await server.target(WEB) == 1
            await drive(server, 4, 200)
            assert len(rig.cloud.names) == 3

    rig.run(story())


def test_an_old_machine_without_a_node_is_removed() -> None:
    """An earlier server ended before it could give it up."""
    rig = Rig()
    rig.cloud.add("prod-web-bbbbb", age=3600)

    async def story() -> None:
        async with rig.life() as server:
            await asyncio.sleep(240)
            assert (rig.cloud.names, server.phases()) == ([], {})

    rig.run(story())
