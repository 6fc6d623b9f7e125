"""Whose turn it is: how many agents join, and how many of a pool are away, at the same time.

A pool may miss `max_unavailable` of its agents while services restart. Who is not Ready already, because of
an earlier run that was cut or of anything else, is one of them: nobody else restarts until it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kbootstrap.cluster.state.model import Wanted
from kbootstrap.cluster.steps.machine import Claim
from kbootstrap.cluster.steps.membership import WaitReady
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.service import RestartService

JOINING = 50
"""Agents that join at the same time: both projects ask for batches of 50 or fewer."""


class Slots:
    """The turns of one run of one plan."""

    def __init__(self, plan: Plan, wanted: Wanted) -> None:
        self._plan, self._wanted = plan, wanted
        self._joining = asyncio.Semaphore(JOINING)
        self._away: dict[str, set[str]] = {}
        self._lost: dict[str, set[str]] = {}
        self._changed = asyncio.Condition()
        for name in plan.steps:
            if plan.has(name, WaitReady) and not plan.has(name, RestartService, Claim):
                self._away.setdefault(self._pool(name), set()).add(name)

    @asynccontextmanager
    async def slot(self, name: str) -> AsyncIterator[bool]:
        """Hold one of the places; False where none will be free, because who is away does not come back."""
        if not self._plan.has(name, RestartService):
            async with self._joining:
                yield True
            return
        pool, limit = self._pool(name), max(1, self._wanted.node(name).at_once)
        away, lost = self._away.setdefault(pool, set()), self._lost.setdefault(pool, set())
        async with self._changed:
            await self._changed.wait_for(lambda: len(away) < limit or len(lost) >= limit)
            free = len(away) < limit
            if free:
                away.add(name)
        yield free

    async def ended(self, name: str, *, well: bool) -> None:
        """Tell that the node is back, or will not come."""
        async with self._changed:
            away = self._away.get(self._pool(name), set())
            if well:
                away.discard(name)
            elif name in away:
                self._lost.setdefault(self._pool(name), set()).add(name)
            self._changed.notify_all()

    def _pool(self, name: str) -> str:
        return self._wanted.node(name).pool
