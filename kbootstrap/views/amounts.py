"""Durations, sizes and counted nouns as short text."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB")


def duration(seconds: float) -> str:
    """Write seconds for people: `4.2s`, `41s`, `1m 02s`, `2h 05m`."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def clock(seconds: float) -> str:
    """Write elapsed seconds as minutes and seconds: `0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int, *, like: int | None = None) -> tuple[str, str]:
    """Write bytes as number and decimal unit; the unit is the one that fits `like`."""
    largest = float(count if like is None else like)
    power = 0
    while largest >= 1000 and power < len(_UNITS) - 1:
        largest /= 1000
        power += 1
    value = count / 1000**power
    return (f"{value:.1f}" if power and largest < 10 else f"{value:.0f}"), _UNITS[power]


def bytes_text(count: int) -> str:
    """Write bytes: `181 MB`."""
    return " ".join(size(count))


def of_total(done: int, total: int | None, unit: str | None) -> str:
    """Write the completed part of a total: `82/181 MB`, `3/5 nodes`, `82 MB`."""
    if unit in {"bytes", "byte", "B"}:
        number, name = size(done, like=total or done)
        return f"{number}/{size(total, like=total)[0]} {name}" if total else f"{number} {name}"
    amount = f"{done}/{total}" if total else f"{done}"
    return f"{amount} {unit}" if unit else amount


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun: `1 error`, `2 errors`, `no errors`."""
    word = noun if number == 1 else plural or f"{noun}s"
    return f"{number or 'no'} {word}"
