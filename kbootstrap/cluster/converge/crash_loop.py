"""Detects that a service is crash-looping, from systemd's count of its restarts; pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from kbootstrap.cluster.deadlines import FAILURES, STEADY
from kbootstrap.cluster.state.unit import UnitState


@dataclass(slots=True)
class CrashLoop:
    """The observations of one unit since a wait began. Times are seconds of a monotonic clock.

    A unit may fail as often as it likes for `STEADY` seconds, and less than `limit` times after that: k3s
    restarts by design while it waits for another server. One that had failed often before the wait began is
    judged by the next process that begins and fails.
    """

    begun: float
    limit: int = FAILURES
    restarts: int = 0
    _first: int | None = field(default=None)
    _process_began: float = 0.0

    def look(self, unit: UnitState, now: float) -> bool:
        """Record the state of the unit; return whether it is crash-looping."""
        if self._first is None:
            self._first, self._process_began = unit.restarts, self.begun
        elif unit.restarts != self.restarts:
            self._process_began = now
        self.restarts = unit.restarts
        failed = unit.restarts - self._first
        if self._first >= FAILURES:
            return failed > 1 or (failed == 1 and unit.restarting)
        return failed >= self.limit and now - self.begun > STEADY

    def steady(self, now: float) -> bool:
        """Return whether the unit was observed, and its process has kept running."""
        return self._first is not None and now - self._process_began >= STEADY
