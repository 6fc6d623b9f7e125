"""Connections that a run keeps: it logs in to a cloud once for each cluster."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack.connection import Cloud, connected
from kbootstrap.providers.openstack.settings import settings

_IDLE = 30.0
"""Seconds after which open TCP connections are closed before the next request: firewalls forget idle ones,
and a request would then wait for its timeout."""


@dataclass(slots=True)
class _Kept:
    """The connection of one cluster, opened on first use. `users` are the contexts that keep it."""

    users: int = 0
    cloud: Cloud | None = None
    used: float = 0.0
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sessions:
    """The connections of this process, by the folder of a cluster."""

    def __init__(self) -> None:
        self._kept: dict[Path, _Kept] = {}

    @asynccontextmanager
    async def keep(self, context: ProviderContext) -> AsyncIterator[None]:
        """Keep the connection that `cloud` opens, until the end of the context."""
        kept = self._kept.setdefault(context.space.root, _Kept())
        kept.users += 1
        try:
            yield
        finally:
            kept.users -= 1
            if not kept.users:
                del self._kept[context.space.root]
                await asyncio.shield(kept.stack.aclose())

    @asynccontextmanager
    async def cloud(self, context: ProviderContext) -> AsyncIterator[Cloud]:
        """Yield the project, logged in: with the connection that is kept, or with one of its own.

        Raises as `connected`.
        """
        kept = self._kept.get(context.space.root)
        if kept is None:
            async with connected(settings(context.cluster), context) as cloud:
                yield cloud
            return
        async with kept.turn:
            if kept.cloud is None:
                kept.cloud = await kept.stack.enter_async_context(
                    connected(settings(context.cluster), context)
                )
            elif time.monotonic() - kept.used > _IDLE:
                await asyncio.to_thread(kept.cloud.hang_up)
            kept.used = time.monotonic()
        try:
            # A query that is cancelled stops the changes of its own caller.
            yield replace(kept.cloud, stopped=threading.Event())
        finally:
            kept.used = time.monotonic()


SESSIONS = Sessions()
