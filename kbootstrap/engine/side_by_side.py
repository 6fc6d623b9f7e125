"""Handles the clusters of a run side by side, as many at once as their infrastructure allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from kbootstrap.core.concurrency import attempt_all
from kbootstrap.core.errors import KbootstrapError, raise_failures
from kbootstrap.core.events import Event, Type
from kbootstrap.engine.context import Context

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcomes(Generic[T]):
    """The result or the failure of each cluster, by its name, in the order of the spec."""

    results: dict[str, T] = field(default_factory=dict)
    failures: dict[str, KbootstrapError] = field(default_factory=dict)

    def raise_failures(self, *, done: bool = False) -> None:
        """Raise the failures, if there are any; `done`: clusters with a result are completed."""
        count = len(self.results) + len(self.failures)
        raise_failures(self.failures, count, tuple(self.results) if done else ())


async def side_by_side(
    work: Iterable[tuple[Context, Callable[[], Coroutine[Any, Any, T]]]],
) -> Outcomes[T]:
    """Do the work of each cluster; a failure of one does not stop the others, and is reported at once.

    A bug is raised as itself, when all have ended. A cancellation stops all, and each ends cleanly.
    """
    bounds: dict[str, asyncio.Semaphore] = {}
    every = tuple(work)
    bounded = []
    for context, begin in every:
        at_once = context.provider.traits.clusters_at_once(context.runtime.processors)
        bound = bounds.setdefault(context.provider.name, asyncio.Semaphore(at_once))
        bounded.append((bound, partial(_reported, context, begin) if len(every) > 1 else begin))
    found: Outcomes[T] = Outcomes()
    for (context, _), outcome in zip(every, await attempt_all(bounded), strict=True):
        name = context.cluster.name
        if isinstance(outcome, KbootstrapError):
            found.failures[name] = outcome
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            found.results[name] = outcome
    return found


async def _reported(context: Context, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Report a failure while the other clusters continue; its error is shown when they have ended."""
    try:
        return await begin()
    except KbootstrapError as error:
        failed = f"failed: {error.message}"
        context.runtime.emit(Event(type=Type.DIAGNOSTIC, cluster=context.cluster.name, detail=failed))
        raise
