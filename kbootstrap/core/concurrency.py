"""Runs coroutines in parallel; a failure is raised or returned as itself, not as an exception group."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from kbootstrap.core.errors import KbootstrapError

T = TypeVar("T")


async def run_all(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all in parallel; return the results in order. The first failure cancels the others and is raised.

    `TaskGroup` is not used: before Python 3.13 it loses the caller's cancellation when a failure occurs at
    the same time, and the code that catches the failure would continue, possibly forever.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    if not tasks:
        return []
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    order = sorted(tasks, key=lambda task: task not in ended)
    failures = [error for task in order if not task.cancelled() and (error := task.exception())]
    if failures:
        raise _worst(failures)
    return [task.result() for task in tasks]


async def attempt_all(
    work: Iterable[tuple[asyncio.Semaphore, Callable[[], Coroutine[Any, Any, T]]]],
) -> list[T | Exception]:
    """Begin all in parallel, as far as their semaphores allow; return results and failures in order.

    A failure does not stop the others. A cancellation reaches all of them, and is raised when all have ended.
    """

    async def attempt(bound: asyncio.Semaphore, begin: Callable[[], Coroutine[Any, Any, T]]) -> T | Exception:
        async with bound:
            try:
                return await begin()
            except Exception as error:  # the caller raises it, when the others have ended
                return error

    return await run_all(attempt(bound, begin) for bound, begin in work)


def first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the failure to report: a bug takes precedence, so that it is not hidden."""
    return _worst(list(_leaves(failures)))


def _worst(found: Sequence[BaseException]) -> BaseException:
    return next((one for one in found if not isinstance(one, KbootstrapError)), found[0])


def _leaves(failures: BaseExceptionGroup[BaseException]) -> Iterable[BaseException]:
    for one in failures.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from _leaves(one)
        else:
            yield one
