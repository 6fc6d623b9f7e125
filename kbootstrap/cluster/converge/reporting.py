"""Reports steps: the start, progress and end of each step become events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kbootstrap.cluster.steps.base import Step
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Emit, Event, Status, Type
from kbootstrap.hosts.model import Transferred

_EVERY = 0.25
"""Seconds between two progress events of one transfer."""


_EVIDENCE = 2
"""Lines of a failing command's output, or of a journal, in an event; the error itself has more."""


class StepReporter:
    """Reports the steps of one cluster."""

    def __init__(self, cluster: str, emit: Emit) -> None:
        self._cluster, self._emit = cluster, emit

    @contextmanager
    def report(self, step: Step) -> Iterator[Callable[[str], None]]:
        """Report the start and the end of a step; yields a function that reports what it waits for."""
        begun = time.monotonic()

        def send(status: Status, detail: str | None = None, seconds: float | None = None) -> None:
            event = Event(
                type=Type.STEP,
                cluster=self._cluster,
                node=step.node,
                step=step.title,
                status=status,
                seconds=seconds,
                detail=detail,
            )
            self._emit(event)

        send(Status.STARTED, step.why)
        try:
            yield lambda detail: send(Status.WAITING, detail, time.monotonic() - begun)
        except BaseException as error:
            detail = _evidence(error) if isinstance(error, KbootstrapError) else type(error).__name__
            send(Status.FAILED, detail, time.monotonic() - begun)
            raise
        send(Status.DONE, None, time.monotonic() - begun)

    def progress(self, step: Step) -> Transferred:
        """Return a function that reports the progress of a transfer, a few times a second."""
        last = 0.0

        def transferred(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if done < total and now - last < _EVERY:
                return
            last = now
            self._emit(
                Event(
                    type=Type.PROGRESS,
                    cluster=self._cluster,
                    node=step.node,
                    step=step.title,
                    done=done,
                    total=total,
                    unit="bytes",
                )
            )

        return transferred


def _evidence(error: KbootstrapError) -> str:
    """Return the message of a failure, and the last lines of the machine's output."""
    lines = [line for line in (error.detail or "").splitlines() if line.strip()][-_EVIDENCE:]
    if lines and lines[-1].strip() in error.message:
        lines = lines[:-1] if len(lines) > 1 else []
    return "\n".join([error.message, *lines])
