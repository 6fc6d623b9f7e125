"""The syntax of cron with five fields, as robfig/cron of k3s and RKE2 reads it (`cron.ParseStandard`)."""

from __future__ import annotations

import re

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
_MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_PART = re.compile(r"(\*|\?|[0-9a-z]{1,3}(-[0-9a-z]{1,3})?)(/[0-9]{1,3})?")


def problem(schedule: str) -> str | None:
    """Return why a schedule cannot be read, or None."""
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
