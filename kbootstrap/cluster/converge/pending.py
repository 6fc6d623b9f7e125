"""What is still being created while nodes are installed: machines of agents, and the way to the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from kbootstrap.cluster.state.desired import DesiredCluster, LocalFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.hosts.model import Host


@dataclass(frozen=True, slots=True)
class Arrival:
    """Agents whose machines came up after the run had begun.

    All fields are those of `converge`, for all nodes by now. Nodes that the run knows already are ignored.
    """

    plan: Plan
    desired: DesiredCluster
    hosts: Mapping[str, Host]
    artifacts: Mapping[str, LocalFile]


@dataclass(slots=True)
class Pending:
    """What a run waits for while the infrastructure is still being created.

    `arrivals` yields the agents that follow, and ends when there will be no more. `entrance` gets a server
    that serves, and returns when nodes can join through the registration address.
    """

    arrivals: AsyncIterator[Arrival]
    entrance: Callable[[Host], Awaitable[None]]
    _open: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def entered(self, server: Host) -> None:
        """Wait until agents can join; all agents wait for one look at a time."""
        async with self._turn:
            if not self._open:
                await self.entrance(server)
                self._open = True
