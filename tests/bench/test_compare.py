"""A ratio that is worse by more than a quarter fails, what was not measured does not."""

from __future__ import annotations

from typing import Any

import pytest

from bench.compare import BASELINE, Row, compare, failed, table
from bench.results import VERSION, merged, ratios, read


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (2.0, 2.0, "same"),
        (2.0, 2.5, "same"),
        (2.0, 2.51, "worse"),
        (2.0, 1.6, "same"),
        (2.0, 1.59, "better"),
        (None, 9.0, "new"),
        (2.0, None, "not measured"),
    ],
)
def test_verdict(before: float | None, now: float | None, verdict: str) -> None:
    assert Row("one", before, now).verdict == verdict


def test_only_what_is_worse_fails() -> None:
    before = {"a": 1.0, "b": 1.0, "gone": 1.0}
    rows = compare(before, {"a": 1.2, "b": 0.5, "new": 7.0})
    assert [(row.name, row.verdict) for row in rows] == [
        ("a", "same"),
        ("b", "better"),
        ("gone", "not measured"),
        ("new", "new"),
    ]
    assert not failed(rows)
    assert failed(compare(before, {"a": 1.3, "b": 0.5}))


def test_nothing_measured_fails() -> None:
    assert failed(compare({"a": 1.0}, {}))
    assert failed(())


def test_table() -> None:
    assert table(compare({"a.b": 1.0}, {"a.b": 1.5})) == "a.b     1.000     1.500  worse\n"
    assert table(compare({}, {"a": 0.25})) == "a         -     0.250  new\n"


def test_entries_are_kept_beside_others() -> None:
    first = merged({}, "help", {"ratios": {"help": 4.5}, "figures": {}})
    both: dict[str, Any] = merged(first, "plan", {"ratios": {"json": 0.5}, "figures": {}})
    assert ratios(both) == {"help.help": 4.5, "plan.json": 0.5}
    assert both["version"] == VERSION
    assert {"cpu", "cores", "memory_mib", "kernel", "python", "tools"} <= set(both["machine"])
    again = merged(both, "help", {"ratios": {"help": 4.0}, "figures": {}})
    assert ratios(again)["help.help"] == 4.0


def test_the_baseline_has_ratios_and_its_machine() -> None:
    found = read(BASELINE)
    assert found["machine"]["cores"]
    assert all(value > 0 for value in ratios(found).values())
    assert {name.partition(".")[0] for name in ratios(found)} >= {
        "help",
        "large_plan",
        "plan_1000",
        "simulated",
    }
