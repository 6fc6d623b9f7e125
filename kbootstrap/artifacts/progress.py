"""Reports steps, progress and the remaining time of obtaining artifacts as events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from kbootstrap.core.events import Emit, Event, Status, Type

PHASE = "artifacts"
_EVERY = 0.5
"""Seconds between two progress events of one step."""


class Narrator:
    """Reports one piece of work (`step`) as events."""

    def __init__(self, emit: Emit, step: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._emit = emit
        self._step = step
        self._clock = clock
        self._begun = clock()
        self._last = 0.0

    def started(self, detail: str | None = None) -> None:
        """Report that the work begins."""
        self._begun = self._clock()
        self._report(Status.STARTED, detail)

    def done(self, detail: str | None = None) -> None:
        """Report success, and how long the work took."""
        self._report(Status.DONE, detail, self._clock() - self._begun)

    def failed(self, error: BaseException) -> None:
        """Report that the work failed, and why."""
        why = "stopped" if isinstance(error, asyncio.CancelledError) else str(error) or type(error).__name__
        self._report(Status.FAILED, why, self._clock() - self._begun)

    def skipped(self, detail: str) -> None:
        """Report that the work was not needed, or that this source does not have the files."""
        self._report(Status.SKIPPED, detail)

    def waiting(self, detail: str) -> None:
        """Report what the work waits for."""
        self._report(Status.WAITING, detail)

    def progress(
        self, done: int, total: int | None, unit: str, *, left: float | None = None, note: str = ""
    ) -> None:
        """Report the progress; `left` is seconds, estimated from the speed so far when not given.

        `note` is reported instead of the remaining time.
        """
        now = self._clock()
        if now - self._last < _EVERY and done != total:
            return
        self._last = now
        spent = now - self._begun
        if left is None and total and done and spent > 1:
            left = spent * (total - done) / done
        self._emit(
            Event(
                type=Type.PROGRESS,
                phase=PHASE,
                step=self._step,
                done=done,
                total=total,
                unit=unit,
                detail=note or (f"{about(left)} left" if left else None),
            )
        )

    def _report(self, status: Status, detail: str | None, seconds: float | None = None) -> None:
        self._emit(
            Event(type=Type.STEP, phase=PHASE, step=self._step, status=status, detail=detail, seconds=seconds)
        )


def about(seconds: float) -> str:
    """Return a rounded duration for messages: `about 5 min`."""
    return f"about {seconds:.0f} s" if seconds <= 120 else f"about {seconds / 60:.0f} min"
