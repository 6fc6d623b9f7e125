from __future__ import annotations

from datetime import timedelta

import pytest

from kbootstrap.spec.cron import longest_gap, problem

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("schedule", "gap"),
    [
        ("* * * * *", timedelta(minutes=1)),
        ("*/15 * * * *", timedelta(minutes=15)),
        ("0 * * * *", HOUR),
        ("@hourly", HOUR),
        ("0 */12 * * *", 12 * HOUR),
        ("0 */7 * * *", 7 * HOUR),
        ("5/20 8-10 * * *", timedelta(hours=21, minutes=20)),
        ("0 3 * * *", DAY),
        ("@midnight", DAY),
        ("0 8,20 * * mon-fri", 2 * DAY + 12 * HOUR),
        ("0 8,20 * * 1-5", 2 * DAY + 12 * HOUR),
        ("@weekly", 7 * DAY),
        ("30 2 * * SUN", 7 * DAY),
        ("@monthly", 31 * DAY),
        ("0 0 */2 * *", 2 * DAY),
        ("0 0 1,15 * ?", 17 * DAY),
        ("0 0 1 * sun", 7 * DAY),
        ("0 0 13 * 5", 7 * DAY),
        ("0 0 1 jan,jul *", 184 * DAY),
        ("@yearly", 366 * DAY),
        ("0 0 29 2 *", 1461 * DAY),
        ("0 0 30 2 *", None),
    ],
)
def test_the_longest_gap(schedule: str, gap: timedelta | None) -> None:
    assert problem(schedule) is None
    assert longest_gap(schedule) == gap
