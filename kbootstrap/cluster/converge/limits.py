"""Limits how many agents join, and how many of a pool are unavailable, at the same time.

Up to `max_unavailable` agents of a pool may be unavailable while services restart. An agent that is not Ready
already, for instance because of an interrupted run, is one of them: no other one restarts until it is Ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.steps.machine import Claim
from kbootstrap.cluster.steps.membership import WaitReady
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.service import RestartService

JOINING = 50
"""Agents that join at the same time: k3s and RKE2 recommend batches of 50 or fewer."""


class Slots:
    """The slots of one run of one plan: an agent joins or restarts while it holds one."""

    def __init__(self, plan: Plan, desired: DesiredCluster) -> None:
        self._plan, self._desired = plan, desired
        self._joining = asyncio.Semaphore(JOINING)
        self._away: dict[str, set[str]] = {}
        self._lost: dict[str, set[str]] = {}
        self._changed = asyncio.Condition()
        for name in plan.steps:
            if plan.has(name, WaitReady) and not plan.has(name, RestartService, Claim):
                self._away.setdefault(self._pool(name), set()).add(name)

    @asynccontextmanager
    async def slot(self, name: str) -> AsyncIterator[bool]:
        """Hold a slot; False if none will become free, because the agents that hold them have failed."""
        if not self._plan.has(name, RestartService):
            async with self._joining:
                yield True
            return
        pool, limit = self._pool(name), max(1, self._desired.node(name).at_once)
        away, lost = self._away.setdefault(pool, set()), self._lost.setdefault(pool, set())
        async with self._changed:
            await self._changed.wait_for(lambda: len(away) < limit or len(lost) >= limit)
            free = len(away) < limit
            if free:
                away.add(name)
        yield free

    async def ended(self, name: str, *, well: bool) -> None:
        """Report that the node is Ready again (`well`), or has failed."""
        async with self._changed:
            away = self._away.get(self._pool(name), set())
            if well:
                away.discard(name)
            elif name in away:
                self._lost.setdefault(self._pool(name), set()).add(name)
            self._changed.notify_all()

    def _pool(self, name: str) -> str:
        return self._desired.node(name).pool
