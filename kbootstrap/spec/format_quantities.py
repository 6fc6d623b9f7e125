"""Formats of durations and currencies."""

from __future__ import annotations

import re

from kbootstrap.spec.flaw import Flaw, quote

_UNITS = {"h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")  # ISO 4217


def duration(value: str) -> Flaw | None:
    """Accept durations of hours, minutes and seconds, in this order, above zero."""
    if _DURATION.fullmatch(value) and seconds(value) > 0:
        return None
    number = re.fullmatch(r"\s*(\d{1,6})\s*(s|m|h)?[a-z]*\s*", value.lower(), re.ASCII)
    if number and int(number[1]) > 0:
        help_ = f"Write {quote(number[1].lstrip('0') + (number[2] or 's'))}."
    else:
        help_ = "Write `10m`, `90s` or `1h30m`."
    return Flaw("KB0210", f"{quote(value)} is not a duration.", help_, summary="Not a duration")


def seconds(value: str) -> int:
    """Return a valid duration in seconds."""
    found = _DURATION.fullmatch(value)
    parts = found.groups() if found else ()
    return sum(int(part) * unit for part, unit in zip(parts, _UNITS.values(), strict=False) if part)


def currency(value: str) -> Flaw | None:
    """Accept codes of ISO 4217."""
    if _CURRENCY.fullmatch(value):
        return None
    upper = value.strip().upper()
    help_ = f"Write {quote(upper)}." if _CURRENCY.fullmatch(upper) else "Write a code such as `CHF` or `EUR`."
    return Flaw(
        "KB0210",
        f"{quote(value)} is not a currency: three capital letters (ISO 4217).",
        help_,
        summary="Not a currency",
    )
