"""Maintenance of a cluster's machines: what is done, and in which windows of the week. Pure.

A window is written in local time. Around a change of the clocks it keeps its local times: on the night in
which they go forward it may be an hour shorter, or not exist at all, and on the other one an hour longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `datetime.weekday`."""
_AHEAD = 15
"""Days in which the next window is looked for: a week after one that a change of the clocks removed."""


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Times of the week: from `begin` to `end`, which is on the next day if it is earlier.

    `days` are those on which a window begins. `timezone` is a name of the IANA database.
    """

    days: tuple[str, ...]
    begin: time
    end: time
    timezone: str

    def open_until(self, now: datetime) -> datetime | None:
        """Return when the window that is open at `now` ends (local time); None if none is open."""
        moment = now.astimezone(UTC)
        return next((end for begin, end in self._near(moment) if begin.astimezone(UTC) <= moment), None)

    def next_begin(self, now: datetime) -> datetime:
        """Return when the next window after `now` begins (local time)."""
        moment = now.astimezone(UTC)
        return next(begin for begin, _ in self._near(moment) if begin.astimezone(UTC) > moment)

    def _near(self, now: datetime) -> list[tuple[datetime, datetime]]:
        """Return the windows that end after `now`, in order."""
        zone = ZoneInfo(self.timezone)
        today = now.astimezone(zone).date()
        found = []
        for ahead in range(-1, _AHEAD):
            day = today + timedelta(days=ahead)
            if DAYS[day.weekday()] not in self.days:
                continue
            last = day if self.begin < self.end else day + timedelta(days=1)
            begin, end = datetime.combine(day, self.begin, zone), datetime.combine(last, self.end, zone)
            # In UTC: datetimes of one zone are compared by what their clocks show.
            begins, ends = begin.astimezone(UTC), end.astimezone(UTC)
            if begins < ends and now < ends:
                found.append((begins.astimezone(zone), ends.astimezone(zone)))
        return found

    def __str__(self) -> str:
        days = "every day" if len(self.days) == len(DAYS) else ", ".join(self.days)
        return f"{days} {self.begin:%H:%M} to {self.end:%H:%M} {self.timezone}"


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What `maintain` does on the machines of a cluster; without a `window` it may run at any time."""

    window: MaintenanceWindow | None
    os_updates: Literal["security", "none"]
    reboot: Literal["auto", "never"]

    @property
    def idle(self) -> bool:
        """Whether it changes no machine: what is pending is only reported."""
        return (self.os_updates, self.reboot) == ("none", "never")


def clock(text: str) -> time:
    """Return a time of day from `HH:MM`, whose syntax is already validated."""
    return time.fromisoformat(text)
