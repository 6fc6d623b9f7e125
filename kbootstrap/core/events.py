"""The event stream: the actions of a long command as data. Views display it; the event log records it.

Each event is written as one JSON object on one line (`to_json`). The format is versioned; readers ignore
unknown fields and types. Fields that are None are omitted.

| type          | fields used                                  | meaning                                    |
|---------------|----------------------------------------------|--------------------------------------------|
| phase         | cluster, phase, status, seconds              | a part of the command begins or ends       |
| step          | cluster, node, phase, step, status, seconds, | one action on one node, or on one resource |
|               | detail                                       |                                            |
| progress      | cluster, node, phase, step, done, total,     | the progress of a long step, in `unit`     |
|               | unit                                         |                                            |
| log           | cluster, node, detail                        | a line of a tool's output, for the log   |
| diagnostic    | detail                                       | a problem was reported                     |
| critical_path | seconds, parts                               | the steps that determined the duration     |
| result        | status, seconds, detail                      | the last event: how the command ended      |
"""

from __future__ import annotations

import contextlib
import enum
import json
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

VERSION = 1


class Type(enum.StrEnum):
    """The type of an event."""

    PHASE = "phase"
    STEP = "step"
    PROGRESS = "progress"
    LOG = "log"
    DIAGNOSTIC = "diagnostic"
    CRITICAL_PATH = "critical_path"
    RESULT = "result"


class Status(enum.StrEnum):
    """The status of a phase, a step or the command."""

    STARTED = "started"
    DONE = "done"
    SKIPPED = "skipped"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the critical path: a step, or time in a phase that belongs to no step.

    Without `phase` and `step` it is time between phases, such as that of a question.
    """

    seconds: float
    cluster: str | None = None
    node: str | None = None
    phase: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. `time` is UTC; `seconds` is the duration of a finished phase or step, or of the path."""

    type: Type
    cluster: str | None = None
    node: str | None = None
    phase: str | None = None
    step: str | None = None
    status: Status | None = None
    seconds: float | None = None
    detail: str | None = None
    done: int | None = None
    total: int | None = None
    unit: str | None = None
    parts: tuple[Part, ...] | None = None
    time: datetime = field(default_factory=lambda: datetime.now(UTC))


Emit = Callable[[Event], None]
"""Receives events. Called from the event loop's thread; must not block and must not raise."""


def to_json(event: Event) -> str:
    """Return an event as one line of JSON, without the newline."""
    fields = _present(event)
    if event.parts is not None:
        fields["parts"] = [_present(part) | {"seconds": round(part.seconds, 3)} for part in event.parts]
    fields["time"] = event.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if event.seconds is not None:
        fields["seconds"] = round(event.seconds, 3)
    return json.dumps({"version": VERSION, **fields}, ensure_ascii=False)


def _present(data: Event | Part) -> dict[str, Any]:
    return {name: value for name, value in asdict(data).items() if value is not None}


_PHASE: ContextVar[str | None] = ContextVar("phase", default=None)
"""The innermost phase of the running task. Tasks and threads inherit it from the one that starts them, so it
is correct for phases that overlap in time."""


def of_cluster(emit: Emit, cluster: str) -> Emit:
    """Return an `Emit` that adds the cluster to events without one, and their phase to steps."""

    def labelled(event: Event) -> None:
        phase = event.phase
        if event.type in {Type.STEP, Type.PROGRESS}:
            phase = phase or _PHASE.get()
        if (event.cluster, event.phase) != (event.cluster or cluster, phase):
            event = replace(event, cluster=event.cluster or cluster, phase=phase)
        emit(event)

    return labelled


def nowhere(_event: Event) -> None:
    """Discard the event, for callers without a view."""


@contextlib.contextmanager
def phase(emit: Emit, name: str, cluster: str | None = None) -> Iterator[None]:
    """Report the beginning and the end of a phase, with its result and duration."""
    begun = time.monotonic()
    emit(Event(type=Type.PHASE, cluster=cluster, phase=name, status=Status.STARTED))
    outer = _PHASE.set(name)
    try:
        yield
    except BaseException:
        seconds = time.monotonic() - begun
        emit(Event(type=Type.PHASE, cluster=cluster, phase=name, status=Status.FAILED, seconds=seconds))
        raise
    finally:
        _PHASE.reset(outer)
    seconds = time.monotonic() - begun
    emit(Event(type=Type.PHASE, cluster=cluster, phase=name, status=Status.DONE, seconds=seconds))
