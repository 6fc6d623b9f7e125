"""Maintenance windows: when they are open, when the next one begins, and what a change of the clocks does."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from kbootstrap.spec.maintenance import DAYS, MaintenanceWindow

ZONE = "Europe/Zurich"


def window(begin: str, end: str, *days: str, zone: str = ZONE) -> MaintenanceWindow:
    return MaintenanceWindow(days or DAYS, time.fromisoformat(begin), time.fromisoformat(end), zone)


def at(text: str) -> datetime:
    """Return a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="minutes")


WEEKEND = window("02:00", "05:00", "sat", "sun")
NIGHT = window("22:00", "02:30", "fri")
FORWARD, BACK = window("02:00", "03:00"), window("01:30", "03:00")


@pytest.mark.parametrize(
    ("which", "now", "until"),
    [
        (WEEKEND, "2026-11-28 01:00", "2026-11-28T05:00+01:00"),  # a Saturday, 02:00 in Zurich
        (WEEKEND, "2026-11-28 03:59", "2026-11-28T05:00+01:00"),
        (WEEKEND, "2026-11-28 04:00", None),
        (WEEKEND, "2026-11-28 00:59", None),
        (WEEKEND, "2026-11-27 02:00", None),
        (NIGHT, "2026-11-27 21:00", "2026-11-28T02:30+01:00"),
        (NIGHT, "2026-11-28 01:29", "2026-11-28T02:30+01:00"),  # Saturday, begun on Friday
        (NIGHT, "2026-11-28 01:30", None),
        (NIGHT, "2026-11-28 21:00", None),
        # 2026-03-29: at 02:00 clocks show 03:00. From two to three there is no time.
        (FORWARD, "2026-03-29 00:59", None),
        (FORWARD, "2026-03-29 01:00", None),
        (BACK, "2026-03-29 00:30", "2026-03-29T03:00+02:00"),
        (BACK, "2026-03-29 01:00", None),
        # 2026-10-25: at 03:00 clocks show 02:00, so the window lasts an hour longer.
        (FORWARD, "2026-10-25 00:00", "2026-10-25T03:00+01:00"),
        (FORWARD, "2026-10-25 01:59", "2026-10-25T03:00+01:00"),
        (FORWARD, "2026-10-25 02:00", None),
    ],
)
def test_open(which: MaintenanceWindow, now: str, until: str | None) -> None:
    assert shown(which.open_until(at(now))) == until


@pytest.mark.parametrize(
    ("which", "now", "begin"),
    [
        (WEEKEND, "2026-11-28 00:00", "2026-11-28T02:00+01:00"),
        (WEEKEND, "2026-11-28 01:00", "2026-11-29T02:00+01:00"),
        (WEEKEND, "2026-11-29 05:00", "2026-12-05T02:00+01:00"),
        (NIGHT, "2026-11-28 00:00", "2026-12-04T22:00+01:00"),
        (FORWARD, "2026-03-28 12:00", "2026-03-30T02:00+02:00"),
        (window("02:00", "03:00", "sun"), "2026-03-28 12:00", "2026-04-05T02:00+02:00"),
        (FORWARD, "2026-10-24 12:00", "2026-10-25T02:00+02:00"),
        (window("02:30", "03:30"), "2026-03-28 12:00", "2026-03-30T02:30+02:00"),  # no time either
    ],
)
def test_next(which: MaintenanceWindow, now: str, begin: str) -> None:
    assert shown(which.next_begin(at(now))) == begin


def test_a_time_in_another_zone_is_the_same_moment() -> None:
    there = datetime.fromisoformat("2026-11-27T20:30-05:00")
    assert shown(WEEKEND.open_until(there)) == "2026-11-28T05:00+01:00"


def test_words() -> None:
    assert str(WEEKEND) == "sat, sun 02:00 to 05:00 Europe/Zurich"
    assert str(window("22:00", "04:00", zone="UTC")) == "every day 22:00 to 04:00 UTC"
