from __future__ import annotations

import pytest

from kbootstrap.views.amounts import bytes_text, clock, count, duration, of_total


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0s"),
        (0.04, "0.0s"),
        (4.25, "4.2s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.6, "1m 00s"),
        (62, "1m 02s"),
        (3599.7, "1h 00m"),
        (7500, "2h 05m"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (67.9, "1:07"), (3723, "1:02:03")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("done", "total", "unit", "text"),
    [
        (82_000_000, 181_400_000, "bytes", "82/181 MB"),
        (0, 5_200_000, "bytes", "0.0/5.2 MB"),
        (999, None, "bytes", "999 B"),
        (3, 5, "nodes", "3/5 nodes"),
        (30, None, "s", "30 s"),
        (30, None, None, "30"),
    ],
)
def test_of_total(done: int, total: int | None, unit: str | None, text: str) -> None:
    assert of_total(done, total, unit) == text


def test_counts_and_sizes() -> None:
    assert [count(n, "error") for n in (0, 1, 2)] == ["no errors", "1 error", "2 errors"]
    assert bytes_text(1_234_567) == "1.2 MB"
