"""A server of the autoscaler that leads, in a world of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kbootstrap.autoscaler.run import Running
from tests.autoscaler.served import World, leading


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
async def server(world: World) -> AsyncIterator[Running]:
    async with world.server() as found:
        await leading(found)
        yield found
