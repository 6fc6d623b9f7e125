"""A run as spans: its phases and steps with beginning and end, read from its events. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from kbootstrap.core.events import Event, Status, Type

_BEGINS = {Status.STARTED, Status.WAITING}


@dataclass(frozen=True, slots=True)
class TimelineSpan:
    """A phase, or a step in it. `begin` and `end` are seconds since the run began.

    `step` is None for a phase, `node` for a phase and for a step that concerns no single node. `status` is
    `started` where no event reported the end: such a span ends with its phase, or with the run.
    """

    cluster: str
    phase: str
    step: str | None
    node: str | None
    begin: float
    end: float
    status: Status
    detail: str = ""

    @property
    def seconds(self) -> float:
        """The duration."""
        return self.end - self.begin

    @property
    def title(self) -> str:
        """The name of the step, or of the phase."""
        return self.phase if self.step is None else self.step

    @property
    def unfinished(self) -> bool:
        """Whether no event reported the end."""
        return self.status is Status.STARTED


@dataclass(frozen=True, slots=True)
class Timeline:
    """All spans of a run, in the order in which they began. `seconds` is the duration of the run."""

    began: datetime
    seconds: float
    spans: tuple[TimelineSpan, ...]


@dataclass(slots=True)
class _OpenSpan:
    """A phase or a step that has begun. `waits`: so far it has only reported what it waits for."""

    cluster: str
    phase: str
    step: str | None
    node: str | None
    begin: float
    detail: str = ""
    waits: bool = False

    def ended(self, at: float, status: Status, detail: str | None = None) -> TimelineSpan:
        return TimelineSpan(
            self.cluster,
            self.phase,
            self.step,
            self.node,
            self.begin,
            max(at, self.begin),
            status,
            detail or self.detail,
        )


_Key = tuple[str, str | None, str]
"""Cluster, node and name of a step."""


def read(events: Iterable[Event], *, end: datetime | None = None) -> Timeline:
    """Read the timeline of a run from its events, in the order in which they were emitted.

    The run begins with its first event and ends at `end`, by default with its last event. A step that was
    reported only when it ended begins `seconds` earlier; one without `seconds` took no time, and is left out.
    """
    seen = list(events)
    if not seen:
        return Timeline(end or datetime.now(UTC), 0.0, ())
    reader = _Reader(seen[0].time)
    for event in seen:
        reader.take(event)
    return reader.finish(max(end or seen[-1].time, seen[-1].time))


class _Reader:
    def __init__(self, began: datetime) -> None:
        self._began = began
        self._phases: dict[tuple[str, str], _OpenSpan] = {}
        self._steps: dict[_Key, _OpenSpan] = {}
        self._spans: list[TimelineSpan] = []

    def take(self, event: Event) -> None:
        if event.type is Type.PHASE:
            self._phase(event)
        elif event.type is Type.STEP:
            self._step(event)

    def finish(self, end: datetime) -> Timeline:
        at = self._offset(end)
        for opened in [*self._phases.values(), *self._steps.values()]:
            self._spans.append(opened.ended(at, Status.STARTED))
        order = sorted(self._spans, key=lambda span: (span.begin, span.step is not None, -span.end))
        return Timeline(self._began, at, tuple(order))

    def _offset(self, time: datetime) -> float:
        return max((time - self._began).total_seconds(), 0.0)

    def _phase(self, event: Event) -> None:
        key, at = (event.cluster or "", event.phase or ""), self._offset(event.time)
        if event.status in _BEGINS or event.status is None:
            self._phases.setdefault(key, _OpenSpan(*key, None, None, at))
            return
        begin = max(at - (event.seconds or 0.0), 0.0)
        opened = self._phases.pop(key, None) or _OpenSpan(*key, None, None, begin)
        self._spans.append(opened.ended(at, event.status, event.detail))
        self._end_steps(*key, at)

    def _end_steps(self, cluster: str, phase: str, at: float) -> None:
        """End the steps of a phase that has ended. Steps that only waited for something report no end."""
        ended = [key for key, step in self._steps.items() if (step.cluster, step.phase) == (cluster, phase)]
        for key in ended:
            step = self._steps.pop(key)
            self._spans.append(step.ended(at, Status.DONE if step.waits else Status.STARTED))

    def _step(self, event: Event) -> None:
        at, phase = self._offset(event.time), self._phase_of(event)
        cluster = event.cluster or (phase.cluster if phase else "")
        key = (cluster, event.node, event.step or "")
        opened = self._steps.get(key)
        if opened is None:
            begin = at if event.seconds is None else max(at - event.seconds, 0.0)
            name = event.phase or (phase.phase if phase else "")
            opened = _OpenSpan(cluster, name, key[2], event.node, begin, event.detail or "", waits=True)
        if event.status in _BEGINS or event.status is None:
            opened.waits = opened.waits and event.status is Status.WAITING
            self._steps[key] = opened
            return
        known = self._steps.pop(key, None) is not None
        if known and opened.waits and event.seconds is not None:
            opened.begin = max(min(opened.begin, at - event.seconds), 0.0)
        if known or event.seconds:
            self._spans.append(opened.ended(at, event.status, event.detail))

    def _phase_of(self, event: Event) -> _OpenSpan | None:
        """Return the phase that a step names, else the newest phase of its cluster, else the newest one."""
        newest = list(reversed(self._phases.values()))
        cluster = event.cluster
        named = [phase for phase in newest if phase.phase == event.phase]
        own = [phase for phase in newest if phase.cluster == cluster]
        both = [phase for phase in named if phase in own]
        return next(iter([*both, *([] if cluster else named), *own, *([] if cluster else newest)]), None)
