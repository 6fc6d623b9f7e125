from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import pytest

from kbootstrap.core.concurrency import attempt_all, run_all
from kbootstrap.core.errors import InstallFailed


async def give(value: int, seconds: float = 0.0) -> int:
    await asyncio.sleep(seconds)
    return value


async def fail(error: Exception, seconds: float = 0.0) -> int:
    await asyncio.sleep(seconds)
    raise error


async def test_results_keep_their_order() -> None:
    assert await run_all([give(1, 0.02), give(2)]) == [1, 2]


async def test_the_first_failure_is_raised_as_it_is() -> None:
    with pytest.raises(InstallFailed, match="first"):
        await run_all([fail(InstallFailed("first")), fail(InstallFailed("second"), 5), give(1, 5)])


async def test_a_bug_is_never_hidden_by_an_expected_failure() -> None:
    with pytest.raises(RuntimeError, match="bug"):
        await run_all([fail(InstallFailed("expected")), fail(RuntimeError("bug"))])


async def test_cancelling_reaches_all() -> None:
    task = asyncio.create_task(run_all([give(1, 60), give(2, 60)]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_is_not_lost_beside_a_failure() -> None:
    """`TaskGroup` loses a cancellation that comes while it ends; its caller would never stop."""

    ending, cancelled = asyncio.Event(), asyncio.Event()

    async def stubborn() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await cancelled.wait()
        return 1

    async def tolerant() -> None:
        with contextlib.suppress(InstallFailed):
            await run_all([fail(InstallFailed("x")), stubborn()])
        await asyncio.Event().wait()

    task = asyncio.create_task(tolerant())
    await ending.wait()
    task.cancel()
    cancelled.set()
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await task


def unbounded() -> asyncio.Semaphore:
    return asyncio.Semaphore(100)


async def test_a_failure_does_not_stop_the_others() -> None:
    error, bug = InstallFailed("expected"), RuntimeError("bug")
    bound = unbounded()
    work = (partial(fail, error), partial(give, 1, 0.02), partial(fail, bug), partial(give, 2))
    assert await attempt_all((bound, begin) for begin in work) == [error, 1, bug, 2]


async def test_not_more_at_once_than_the_bound() -> None:
    running, most = 0, 0

    async def count() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    bound = asyncio.Semaphore(2)
    await attempt_all([(bound, count)] * 7)
    assert most == 2


async def test_cancelling_waits_until_all_have_ended() -> None:
    ended, begun = [], asyncio.Event()

    async def slow(name: str) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            ended.append(name)

    bound = asyncio.Semaphore(2)
    task = asyncio.create_task(attempt_all((bound, partial(slow, name)) for name in "abc"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == ["a", "b"], "the third one never began"
