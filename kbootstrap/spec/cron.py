"""The syntax of cron with five fields, as parsed by robfig/cron in k3s and RKE2 (`cron.ParseStandard`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Name, lowest, highest, words for numbers from the lowest.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 6, _DAYS),
)
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_BEGIN, _DAYS_SEEN = date(2024, 1, 1), 2922
"""Eight years contain every combination of weekday and date, including the 29th of February."""
_PART = re.compile(r"(\*|\?|[0-9a-z]{1,3}(-[0-9a-z]{1,3})?)(/[0-9]{1,3})?")


def problem(schedule: str) -> str | None:
    """Return why a schedule is invalid, or None."""
    if schedule in _MACROS:
        return None
    fields = schedule.split()
    if len(fields) != 5:
        return f"A schedule has five fields, and this one has {len(fields)}."
    for text, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in text.lower().split(","):
            if not _good(part, low, high, words):
                return (
                    f"The {name} `{text[:40]}` is not a value, range, list or step between {low} and {high}."
                )
    return None


def longest_gap(schedule: str) -> timedelta | None:
    """Return the longest interval between two runs of a schedule, None if it never runs.

    The schedule must be valid (`problem`). Daylight saving time is not considered.
    """
    fields = _MACROS.get(schedule, schedule).lower().split()
    minutes, hours, days, months, weekdays = (
        _numbers(text, low, high, words) for text, (_, low, high, words) in zip(fields, _FIELDS, strict=True)
    )
    either = not _starred(fields[2]) and not _starred(fields[4])
    times = sorted(60 * hour + minute for hour in hours for minute in minutes)

    def moments() -> Iterator[int]:
        """Yield the minutes of all runs; for a day in between, only the first and the last run matter."""
        for number in range(_DAYS_SEEN):
            day = _BEGIN + timedelta(days=number)
            on = (day.day in days, day.isoweekday() % 7 in weekdays)
            if day.month in months and (any(on) if either else all(on)):
                yield number * 1440 + times[0]
                yield number * 1440 + times[-1]

    within = max((after - before for before, after in pairwise(times)), default=0)
    found = list(moments())
    if not found:
        return None
    between = [after - before for before, after in pairwise(found)][1::2]
    return timedelta(minutes=max([within, *between]))


def _starred(field: str) -> bool:
    """Return whether a field does not restrict its days, as in robfig/cron: `*/2` is a restriction."""
    return any(re.fullmatch(r"[*?](/1)?", part) for part in field.split(","))


def _numbers(field: str, low: int, high: int, words: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        values, _, step = part.partition("/")
        ends = [low + words.index(v) if v in words else int(v) for v in values.split("-") if v not in "*?"]
        begin, end = (ends[0], ends[-1]) if ends else (low, high)
        if len(ends) == 1 and step:
            end = high
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _good(part: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    if not _PART.fullmatch(part):
        return False
    values, _, step = part.partition("/")
    if step and not 1 <= int(step) <= high:
        return False
    if values in {"*", "?"}:
        return True
    numbers = [
        low + words.index(v) if v in words else int(v) if v.isdecimal() else -1 for v in values.split("-")
    ]
    return all(low <= n <= high for n in numbers) and numbers == sorted(numbers)
