"""Time that passes only when all tasks wait: an event loop whose clock jumps to the next timer.

An hour of waiting costs a millisecond, and the same run takes the same moments each time.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest import mock

from kbootstrap.cluster.api import observe as asking
from kbootstrap.cluster.converge import drain, node_actions, quorum, readiness, reporting, watch
from kbootstrap.cluster.lock import lease
from kbootstrap.cluster.observe import facts
from kbootstrap.engine import elastic, elastic_way, overlap

T = TypeVar("T")
EPOCH = 1_700_000_000
"""What the clocks of all machines show at 0."""
_TIMED = (
    quorum,
    asking,
    readiness,
    drain,
    elastic,
    elastic_way,
    facts,
    node_actions,
    lease,
    overlap,
    reporting,
    watch,
)
"""Modules that look at a clock while they wait."""


class _Leap(selectors.SelectSelector):
    """Waits by moving the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("all tasks wait, and nothing will ever happen")
        if timeout > 0:
            self._clock.move(timeout)
        return super().select(0)


class Clock:
    """The time of one world, in seconds. `moved` is called after every jump."""

    CLOCK_BOOTTIME, CLOCK_MONOTONIC = time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC

    def __init__(self, now: float, moved: Callable[[float], None]) -> None:
        self.now, self._moved = now, moved

    def move(self, seconds: float) -> None:
        self.now += seconds
        self._moved(self.now)

    def monotonic(self) -> float:
        return self.now

    def clock_gettime(self, _clock: int) -> float:
        return self.now

    def time(self) -> float:
        return EPOCH + self.now

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end, with all that it left behind ended; the modules of `_TIMED` see this clock."""
        with self._everywhere(), asyncio.Runner(loop_factory=self.loop) as runner:
            return runner.run(work)

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return an event loop on this clock."""
        return _Loop(self)

    @contextmanager
    def _everywhere(self) -> Iterator[None]:
        patches = [mock.patch.object(module, "time", self) for module in _TIMED]
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()


class _Loop(asyncio.SelectorEventLoop):
    """Threads would take time that is not simulated, so their work is done at once."""

    def __init__(self, clock: Clock) -> None:
        self._of = clock
        super().__init__(_Leap(clock))
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        return self._of.now

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        del executor
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # whatever a thread would raise
            future.set_exception(error)
        return future
