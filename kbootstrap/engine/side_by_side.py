"""Handles the clusters of a run side by side, as many at once as their infrastructure allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from kbootstrap.core.concurrency import attempt_all
from kbootstrap.core.errors import KbootstrapError, raise_failures
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
    """Do the work of each cluster; a failure of one does not stop the others.

    A bug is raised as itself, when all have ended. A cancellation stops all, and each ends cleanly.
    """
    bounds: dict[str, asyncio.Semaphore] = {}
    names, bounded = [], []
    for context, begin in work:
        at_once = context.provider.traits.clusters_at_once(context.runtime.processors)
        bound = bounds.setdefault(context.provider.name, asyncio.Semaphore(at_once))
        names.append(context.cluster.name)
        bounded.append((bound, begin))
    found: Outcomes[T] = Outcomes()
    for name, outcome in zip(names, await attempt_all(bounded), strict=True):
        if isinstance(outcome, KbootstrapError):
            found.failures[name] = outcome
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            found.results[name] = outcome
    return found
