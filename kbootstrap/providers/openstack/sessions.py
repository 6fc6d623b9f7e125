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
    """The connection of one cluster; `opening` logs in. `users` are the contexts that keep it."""

    users: int = 0
    opening: asyncio.Task[Cloud] | None = None
    used: float = 0.0
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def open(self, context: ProviderContext) -> asyncio.Task[Cloud]:
        """Begin to log in, unless that has begun."""
        if self.opening is None:
            connecting = self.stack.enter_async_context(connected(settings(context.cluster), context))
            self.opening = asyncio.create_task(connecting)
            self.used = time.monotonic()
        return self.opening

    async def opened(self, context: ProviderContext) -> Cloud:
        """Return the project, logged in. A failed login is tried again when it was raised."""
        opening = self.open(context)
        try:
            return await asyncio.shield(opening)
        finally:
            failed = opening.done() and not opening.cancelled() and opening.exception()
            if failed and self.opening is opening:
                self.opening = None

    async def close(self) -> None:
        """Log out."""
        if self.opening:
            self.opening.cancel()
            await asyncio.gather(self.opening, return_exceptions=True)
        await self.stack.aclose()


class Sessions:
    """The connections of this process, by the folder of a cluster."""

    def __init__(self) -> None:
        self._kept: dict[Path, _Kept] = {}

    @asynccontextmanager
    async def keep(self, context: ProviderContext) -> AsyncIterator[None]:
        """Log in, and keep the connection for `cloud` until the end of the context.

        It does not wait: the SDK takes seconds to import, and the login a round trip or two. A failure is
        raised by `cloud`.
        """
        kept = self._kept.setdefault(context.space.root, _Kept())
        kept.open(context)
        kept.users += 1
        try:
            yield
        finally:
            kept.users -= 1
            if not kept.users:
                del self._kept[context.space.root]
                await asyncio.shield(kept.close())

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
        opened = await kept.opened(context)
        idle, kept.used = time.monotonic() - kept.used, time.monotonic()
        if idle > _IDLE:
            await asyncio.to_thread(opened.hang_up)
        try:
            # A query that is cancelled stops the changes of its own caller.
            yield replace(opened, stopped=threading.Event())
        finally:
            kept.used = time.monotonic()


SESSIONS = Sessions()
