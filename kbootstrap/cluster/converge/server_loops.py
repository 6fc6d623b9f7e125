"""Notices that the servers of a cluster are crash-looping while agents wait for them."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping

from kbootstrap.cluster.converge.crash_loop import CrashLoop
from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.deadlines import RESTARTS
from kbootstrap.core.errors import KbootstrapError


class ServerLoops:
    """The services of a cluster's servers in one run: many callers, at most one look in `RESTARTS` seconds.

    An agent cannot become Ready while no server keeps running, although the API answers between two failures
    and the agent's own service runs. A server that does not answer over SSH counts as one that runs, and is
    not asked again.
    """

    def __init__(self) -> None:
        self._loops: dict[str, CrashLoop] = {}
        self._next = 0.0
        self._failed: Exception | None = None

    async def look(self, servers: Mapping[str, NodeActions], unit: str) -> None:
        """Raise `InstallFailed` (KB0814), with the journal of one server, when all servers are crash-looping.

        `unit` is the unit of a server. Later calls raise the same error, and none waits for another's look.
        """
        if not self._failed and servers and time.monotonic() >= self._next:
            self._next = math.inf  # one look at a time, and none after a server that did not answer
            with contextlib.suppress(KbootstrapError):
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
