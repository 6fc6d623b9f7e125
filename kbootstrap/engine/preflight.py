"""Asks the infrastructure whether it can create a cluster, beside other work and at most once in a run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from kbootstrap.engine.context import Context

T = TypeVar("T")


@dataclass(slots=True)
class Preflight:
    """The preflight of one cluster (`capabilities.Preflight`); nothing for a provider without one."""

    context: Context
    _task: asyncio.Task[None] | None = field(default=None, init=False)
    _beside: asyncio.Task[Any] | None = field(default=None, init=False)

    def begin(self) -> None:
        """Begin to ask, unless that has begun."""
        if self._task is None and self.context.provider.preflight is not None:
            self._task = asyncio.create_task(self._verify())
            self._task.add_done_callback(self._stop)

    async def beside(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something that may take long, but stop it and raise if the preflight fails meanwhile."""
        task = asyncio.create_task(work)
        self._beside = task
        try:
            return await task
        except asyncio.CancelledError:
            if self._task is not None and self._task.done():
                await self._task
            raise
        finally:
            self._beside = None

    def _stop(self, ended: asyncio.Task[None]) -> None:
        if self._beside is not None and not ended.cancelled() and ended.exception():
            self._beside.cancel()

    async def passed(self) -> None:
        """Wait for the answers, if it has begun. Raises what the provider raises."""
        if self._task is not None:
            await self._task

    async def end(self) -> None:
        """Stop asking; never raises."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _verify(self) -> None:
        provider, asked = self.context.provider, self.context.provider_context
        if provider.preflight is not None:
            await provider.preflight.verify(replace(asked, lock=await provider.pin(asked)))
