"""Verdicts over results and clusters."""

from __future__ import annotations

import pytest

from kbootstrap.checks.report import Outcome, Report, Reports, Result, Rule, Subject
from kbootstrap.core.diagnostics import Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING
PASSED, FAILED, UNKNOWN = Outcome.PASSED, Outcome.FAILED, Outcome.UNKNOWN


def result(severity: Severity, outcome: Outcome) -> Result:
    return Result(Rule("r", "R", severity, "It matters."), Subject("Node", "n1"), outcome)


@pytest.mark.parametrize(
    ("results", "on_errors", "on_warnings"),
    [
        ([], PASSED, PASSED),
        ([(ERROR, PASSED), (WARNING, PASSED)], PASSED, PASSED),
        ([(ERROR, PASSED), (WARNING, FAILED)], PASSED, FAILED),
        ([(ERROR, PASSED), (WARNING, UNKNOWN)], PASSED, UNKNOWN),
        ([(ERROR, UNKNOWN), (WARNING, FAILED)], UNKNOWN, FAILED),
        ([(ERROR, FAILED), (ERROR, UNKNOWN)], FAILED, FAILED),
    ],
)
def test_verdict(results: list[tuple[Severity, Outcome]], on_errors: Outcome, on_warnings: Outcome) -> None:
    report = Report("c", tuple(result(*one) for one in results))
    assert (report.verdict(ERROR), report.verdict(WARNING)) == (on_errors, on_warnings)


def test_a_cluster_that_was_not_checked_is_unknown() -> None:
    silent, bad = Report("a", failure="no server"), Report("b", (result(ERROR, FAILED),))
    assert silent.verdict(ERROR) is UNKNOWN
    assert Reports("workloads", "dev", (silent,)).verdict is UNKNOWN
    assert Reports("workloads", "dev", (silent, bad)).verdict is FAILED
    assert Reports("workloads", "dev", (Report("c"),)).verdict is PASSED


def test_subjects() -> None:
    assert f"{Subject('Node', 'n1')}" == "Node n1"
    assert f"{Subject('Pod', 'a', 'shop')}" == "Pod shop/a"
    assert f"{Subject('Pod', namespace='shop')}" == "every Pod in shop"
