"""Formats of times of day and of time zones."""

from __future__ import annotations

import re
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from kbootstrap.spec.flaw import Flaw, quote

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


def clock_time(value: str) -> Flaw | None:
    """Accept a time of day from 00:00 to 23:59, with two digits each."""
    if _CLOCK.fullmatch(value):
        return None
    help_ = 'Write hours and minutes with two digits each, such as `"02:00"`.'
    if found := re.fullmatch(r"(\d{1,2})[:.](\d{2})", value, re.ASCII):
        better = f"{int(found[1]):02}:{found[2]}"
        if _CLOCK.fullmatch(better):
            help_ = f'Write `"{better}"`.'
    if value == "24:00":
        help_ = 'Write `"00:00"`: a window may end on the next day.'
    return Flaw("KB0367", f"{quote(value)} is not a time of day from 00:00 to 23:59.", help_)


def time_zone(value: str) -> Flaw | None:
    """Accept a name of the IANA time zone database, as this machine knows it."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = sorted(available_timezones())
        close = get_close_matches(value, known, n=1) or [
            name for name in known if name.rpartition("/")[2].lower() == value.lower()
        ]
        help_ = f"Did you mean `{close[0]}`?" if close else "Write a name such as `Europe/Zurich`, or `UTC`."
        if not known:
            help_ = "This machine has no time zone database: install the package tzdata."
        return Flaw("KB0368", f"{quote(value)} is not the name of a time zone.", help_)
    return None
