"""The state of the server in one place. The parts that act change it only here, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from kbootstrap.autoscaler import outcomes
from kbootstrap.autoscaler.model import FleetState, Instance, InstancePhase, Notice
from kbootstrap.autoscaler.ports import Clock
from kbootstrap.providers.elastic import Shape

Report = Callable[[Notice], None]
"""Receives notices. Must not block and must not raise."""


class Fleet:
    """Holds the state; everything runs in one event loop, so that a change is never interrupted.

    `changed` is set when there may be work, `look` when machines should be read again. `synced` is when they
    and the Nodes were last read (0: never); before that nothing is known, and no request is answered.
    `shapes` are those of the groups' flavors. `moved` receives each instance that is in another phase than
    before.
    """

    def __init__(self, distribution: str, clock: Clock, report: Report) -> None:
        self.clock, self._report = clock, report
        self.changed, self.look = asyncio.Event(), asyncio.Event()
        self.synced = 0.0
        self.shapes: Mapping[str, Shape] = {}
        self.ready_after: Callable[[str, float], None] = lambda _group, _seconds: None
        self.moved: Callable[[Instance], None] = lambda _instance: None
        self._state = FleetState(distribution)

    @property
    def state(self) -> FleetState:
        """The current state."""
        return self._state

    def become(self, state: FleetState) -> None:
        """Replace the state, and report what happened."""
        for notice in state.notices:
            self._report(notice)
        before, self._state = self._state, replace(state, notices=())
        if before.instances != self._state.instances or before.groups != self._state.groups:
            self.changed.set()
            for name, one in self._state.instances.items():
                known = before.instances.get(name)
                if known is None or known.phase is not one.phase:
                    self.moved(one)

    def note(self, notice: Notice) -> None:
        """Report something that does not change the state."""
        self._report(notice)

    def pass_time(self) -> None:
        """Give up what is late."""
        self.become(outcomes.late(self._state, self.clock()))

    def installed(self, name: str) -> None:
        """Record that a Node is Ready, and how long that took."""
        self.become(outcomes.installed(self._state, name))
        one = self._state.instances.get(name)
        if one is not None and one.phase is InstancePhase.RUNNING:
            self.ready_after(one.group, self.clock() - one.since)
