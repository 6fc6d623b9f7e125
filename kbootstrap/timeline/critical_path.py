"""The critical path of a run: the chain of spans that determined its duration. Pure.

Events do not say what a step waited for. The chain is therefore derived from times: a step could begin when
the one that ended last before it had ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kbootstrap.core.events import Part
from kbootstrap.timeline.spans import TimelineSpan

NEGLECTED = 0.02
"""Share of the path below which a part is left out."""
WHOLE = 0.1
"""Share of the path below which a phase is one part, and its steps are not listed."""
_SAME = 0.001
"""Seconds: two events that are this close happened at the same time. Event logs have milliseconds."""
_TOGETHER = 0.05
"""Seconds: steps that ended within this time ended together. Which one was the last is then chance."""


@dataclass(frozen=True, slots=True)
class Link:
    """A stretch of the critical path, in a span; None where nothing ran, such as during a question."""

    span: TimelineSpan | None
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """The duration."""
        return self.end - self.begin


def critical_path(spans: Iterable[TimelineSpan]) -> tuple[Link, ...]:
    """Return the critical path, in order of time and without gaps, from the first begin to the last end.

    The path is followed backwards from the last end:

    1. In a phase, the step of the same cluster that ended last by now is next, and the path continues where
       that step began. Of steps that ended together, one of the node that the path is on is taken, then the
       longest.
    2. Time of a phase in which no such step ran belongs to the phase itself. Of phases that contain each
       other, the innermost one is taken.
    3. Outside of phases, the span that ended last by now is next: one of the same cluster where it ended just
       before, otherwise one of any cluster. The time since then belongs to no span.
    """
    known = [span for span in spans if span.seconds > 0]
    if not known:
        return ()
    walk = _Walk(known)
    while walk.now > walk.first:
        walk.back()
    return tuple(reversed(walk.links))


class _Walk:
    """The way back from the last end. `cluster` and `node` are where the path is."""

    def __init__(self, spans: Sequence[TimelineSpan]) -> None:
        self._spans = spans
        self._phases = [span for span in spans if span.step is None]
        self._steps = [span for span in spans if span.step is not None]
        self.first, self.now = min(span.begin for span in spans), max(span.end for span in spans)
        self._near = (self.now - self.first) * NEGLECTED
        self.links: list[Link] = []
        self.cluster: str | None = None
        self.node: str | None = None

    def back(self) -> None:
        """Go back to the begin of the next step, or of the phase."""
        phase = self._running()
        if phase:
            self.cluster = phase.cluster
            step = self._last(self._steps, phase.cluster)
            until = max(phase.begin, step.end if step else 0.0, self._inner(phase))
            self._link(phase, until)
            if step and step.end >= until > phase.begin:
                self._take(step)
            return
        before = self._before()
        if before is None:
            self._link(None, self.first)
            return
        self.cluster = before.cluster
        self._link(None, before.end)
        if before.step is not None:
            self._take(before)

    def _take(self, step: TimelineSpan) -> None:
        self.node = step.node
        self._link(step, step.begin)

    def _link(self, span: TimelineSpan | None, begin: float) -> None:
        if begin < self.now:
            self.links.append(Link(span, begin, self.now))
            self.now = begin

    def _running(self) -> TimelineSpan | None:
        """Return the innermost phase of the cluster that ran until now; at the end, of any cluster."""
        found = [
            phase
            for phase in self._phases
            if phase.begin < self.now <= phase.end + _SAME and self.cluster in {None, phase.cluster}
        ]
        return max(found, key=lambda phase: phase.begin, default=None)

    def _inner(self, outer: TimelineSpan) -> float:
        """Return the end of the last phase in a phase that has ended by now; 0 if there is none."""
        ends = (
            phase.end
            for phase in self._phases
            if phase.cluster == outer.cluster and phase.begin > outer.begin and phase.end < self.now
        )
        return max(ends, default=0.0)

    def _before(self) -> TimelineSpan | None:
        own = self._last(self._spans, self.cluster) if self.cluster is not None else None
        return own if own and self.now - own.end <= self._near else self._last(self._spans)

    def _last(self, spans: Sequence[TimelineSpan], cluster: str | None = None) -> TimelineSpan | None:
        """Return the span that ended last by now."""
        found = [
            span
            for span in spans
            if span.begin < self.now and span.end <= self.now + _SAME and cluster in {None, span.cluster}
        ]
        latest = max((span.end for span in found), default=0.0)
        together = [span for span in found if span.end >= latest - _TOGETHER]
        return max(together, key=self._preferred, default=None)

    def _preferred(self, span: TimelineSpan) -> tuple[bool, bool, float]:
        step = span.step is not None
        return step, step and span.node is not None and span.node == self.node, span.seconds


def parts(links: Sequence[Link]) -> tuple[Part, ...]:
    """Return the parts of the path that matter, in the order in which they begin.

    Stretches of one span, and of one phase, are one part. A phase that takes less than `WHOLE` of the path is
    one part together with its steps. Parts that take less than `NEGLECTED` of the path are left out.
    """
    whole = sum(link.seconds for link in links)
    phases: dict[tuple[str, str], float] = {}
    for link in links:
        if link.span:
            key = (link.span.cluster, link.span.phase)
            phases[key] = phases.get(key, 0.0) + link.seconds
    found: dict[tuple[str | None, ...], float] = {}
    for link in links:
        name = _name(link.span, phases, whole * WHOLE)
        found[name] = found.get(name, 0.0) + link.seconds
    return tuple(
        Part(seconds=seconds, cluster=cluster, node=node, phase=phase, step=step)
        for (cluster, node, phase, step), seconds in found.items()
        if seconds >= whole * NEGLECTED
    )


def _name(
    span: TimelineSpan | None, phases: dict[tuple[str, str], float], least: float
) -> tuple[str | None, str | None, str | None, str | None]:
    if span is None:
        return None, None, None, None
    cluster, phase = span.cluster or None, span.phase or None
    if phase and phases[span.cluster, span.phase] < least:
        return cluster, None, phase, None
    return cluster, span.node, phase, span.step
