"""Following a cluster: what ends it, and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest

from kbootstrap.cli.status import watching
from kbootstrap.core.errors import HostUnreachable
from kbootstrap.engine.cluster_status import ClusterStatus


class View:
    """Notes what it is shown."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.closed = False

    def show(self, clusters: Sequence[ClusterStatus], now: datetime) -> None:
        assert now.tzinfo
        self.seen += [cluster.name for cluster in clusters]

    def close(self) -> None:
        self.closed = True


async def test_it_looks_again_until_it_is_ended() -> None:
    view, asked = View(), []
    enough = asyncio.Event()

    async def look(*, patient: bool) -> list[ClusterStatus]:
        asked.append(patient)
        if len(asked) == 3:
            enough.set()
        return [ClusterStatus(f"look-{len(asked)}", "local")]

    task = asyncio.ensure_future(watching(look, view, 0.001))
    await enough.wait()
    await asyncio.sleep(0)
    task.cancel()
    assert await task == 130
    assert asked[:3] == [False, True, True]
    assert view.seen[:2] == ["look-1", "look-2"]
    assert view.closed


async def test_it_can_be_ended_in_the_middle_of_a_look() -> None:
    view, looking = View(), asyncio.Event()

    async def look(*, patient: bool) -> list[ClusterStatus]:
        assert not patient
        looking.set()
        await asyncio.sleep(60)
        return []

    task = asyncio.ensure_future(watching(look, view, 1))
    await looking.wait()
    task.cancel()
    assert await task == 130
    assert (view.seen, view.closed) == ([], True)


async def test_the_first_observation_must_succeed() -> None:
    view = View()

    async def look(*, patient: bool) -> list[ClusterStatus]:
        raise HostUnreachable("no route", host=str(patient))

    with pytest.raises(HostUnreachable):
        await watching(look, view, 1)
    assert view.closed
