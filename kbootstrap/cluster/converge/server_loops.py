"""Notices that the servers of a cluster are crash-looping while agents wait for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from kbootstrap.cluster.converge.crash_loop import CrashLoop
from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.deadlines import RESTARTS


class ServerLoops:
    """The services of a cluster's servers in one run: many callers, at most one look in `RESTARTS` seconds.

    An agent cannot become Ready while no server keeps running, although the API answers between two failures
    and the agent's own service runs.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._loops: dict[str, CrashLoop] = {}
        self._next = 0.0
        self._failed: Exception | None = None

    async def look(self, servers: Mapping[str, NodeActions], unit: str) -> None:
        """Raise `InstallFailed` (KB0814), with the journal of one server, when all servers are crash-looping.

        `unit` is the unit of a server. Later calls raise the same error.
        """
        async with self._lock:
            begun = time.monotonic()
            if not self._failed and servers and begun >= self._next:
                self._failed = await self._look(servers, unit)
                self._next = time.monotonic() + RESTARTS
        if self._failed:
            raise self._failed

    async def _look(self, servers: Mapping[str, NodeActions], unit: str) -> Exception | None:
        found = []
        for name, machine in servers.items():
            loop = self._loops.setdefault(name, CrashLoop(time.monotonic()))
            found.append(await machine.crash_looping(unit, loop))
        if not all(found):
            return None
        return await next(iter(servers.values())).failed(unit, found[0], code="KB0814")
