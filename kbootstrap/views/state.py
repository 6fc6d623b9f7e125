"""The state of the display, from events: phases with rows with tasks. Pure.

A row is a node, or a step that belongs to no node. Times are seconds of the caller's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kbootstrap.core.events import Event, Status, Type

_OPEN = {Status.STARTED, Status.WAITING}
_RATE_AFTER = 1.5
"""Seconds of a transfer before its speed says anything."""


@dataclass(slots=True)
class Task:
    """One step of one row: its status, start time and progress."""

    name: str
    status: Status
    began: float
    detail: str = ""
    took: float | None = None
    done: int | None = None
    total: int | None = None
    unit: str | None = None
    estimate: str = ""
    """What the emitter says about the time that remains."""

    @property
    def open(self) -> bool:
        """Whether the task is running."""
        return self.status in _OPEN

    @property
    def fraction(self) -> float | None:
        """The completed part, 0 to 1; None if it is not known."""
        if not self.open or self.done is None or not self.total:
            return None
        return min(self.done / self.total, 1.0)

    def left(self, now: float) -> float | None:
        """Estimate the seconds that remain from the speed so far."""
        fraction, spent = self.fraction, now - self.began
        if not fraction or spent < _RATE_AFTER:
            return None
        return spent / fraction - spent


@dataclass(slots=True)
class NodeRow:
    """One line of the live region."""

    name: str
    tasks: dict[str, Task] = field(default_factory=dict)

    @property
    def task(self) -> Task:
        """The current task of the row: a failure, else the newest open step, else the last one."""
        tasks = list(self.tasks.values())
        failed = [task for task in tasks if task.status is Status.FAILED]
        started = [task for task in tasks if task.status is Status.STARTED]
        waiting = [task for task in tasks if task.status is Status.WAITING]
        return (failed or started or waiting or tasks)[-1]


@dataclass(slots=True)
class Phase:
    """A part of the command, of one cluster or of all."""

    cluster: str
    name: str
    began: float
    status: Status = Status.STARTED
    took: float = 0.0
    detail: str = ""
    rows: dict[str, NodeRow] = field(default_factory=dict)


class Clusters:
    """The clusters of a run, in the order in which they began. A run of several names them in its output."""

    def __init__(self) -> None:
        self._order: dict[str, int] = {}

    def take(self, event: Event) -> None:
        """Record the cluster of an event."""
        if event.cluster:
            self._order.setdefault(event.cluster, len(self._order))

    def place(self, cluster: str) -> int:
        """Return the position of a cluster; what belongs to no cluster comes first."""
        return self._order.get(cluster, -1)

    def of(self, event: Event) -> str:
        """Return the cluster of an event for a text without it; empty if the run has only one."""
        return (event.cluster or "") if len(self._order) > 1 else ""

    def where(self, event: Event) -> str:
        """Return the node or the cluster of an event; a node whose name does not say its cluster has both."""
        cluster, node = self.of(event), event.node
        if node and cluster and not node.startswith(f"{cluster}-"):
            return f"{cluster}/{node}"
        return node or event.cluster or ""


class RunState:
    """All running phases. `take` returns a phase when it ends."""

    def __init__(self) -> None:
        self.phases: dict[tuple[str, str], Phase] = {}
        self.clusters = Clusters()

    @property
    def grouped(self) -> list[Phase]:
        """The running phases by cluster, those of one cluster in the order in which they began."""
        return sorted(self.phases.values(), key=lambda phase: self.clusters.place(phase.cluster))

    def take(self, event: Event, now: float) -> Phase | None:
        """Process one event."""
        self.clusters.take(event)
        if event.type is Type.PHASE:
            return self._phase(event, now)
        if event.type in {Type.STEP, Type.PROGRESS}:
            self._step(event, now)
        return None

    def _phase(self, event: Event, now: float) -> Phase | None:
        key = (event.cluster or "", event.phase or "")
        if event.status in _OPEN or event.status is None:
            self.phases.setdefault(key, Phase(*key, began=now)).detail = event.detail or ""
            return None
        phase = self.phases.pop(key, None) or Phase(*key, began=now - (event.seconds or 0.0))
        phase.status = event.status
        phase.took = now - phase.began if event.seconds is None else event.seconds
        phase.detail = event.detail or ""
        return phase

    def _step(self, event: Event, now: float) -> None:
        phase = self._phase_of(event, now)
        step = event.step or ""
        row = phase.rows.setdefault(event.node or step, NodeRow(event.node or step))
        task = row.tasks.get(step)
        if task is None or (not task.open and event.status in _OPEN):
            row.tasks.pop(step, None)  # a step that begins again is the newest one
            task = row.tasks[step] = Task(step, Status.STARTED, now)
        if event.type is Type.PROGRESS:
            task.done, task.total, task.unit = event.done, event.total, event.unit
            task.estimate = event.detail or ""
            return
        task.status = event.status or task.status
        task.detail = event.detail or ""
        if not task.open:
            task.took = now - task.began if event.seconds is None else event.seconds

    def _phase_of(self, event: Event, now: float) -> Phase:
        """Return the phase of the event, else the newest one of its cluster, else the newest one."""
        cluster = event.cluster or ""
        newest = list(reversed(self.phases.values()))
        for fits in (
            lambda phase: (phase.cluster, phase.name) == (cluster, event.phase),
            lambda phase: phase.name == event.phase and not cluster,
            lambda phase: phase.cluster == cluster,
            lambda phase: not phase.cluster or not cluster,
        ):
            for phase in filter(fits, newest):
                return phase
        return self.phases.setdefault((cluster, ""), Phase(cluster, "", began=now))
