"""`check workloads` over several clusters: failures, and the exit code of what was found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap.checks.report import Outcome, Report, Reports, Result, Rule, Subject
from kbootstrap.cli.reports import exit_code
from kbootstrap.commands import check as checking
from kbootstrap.core.diagnostics import Severity
from kbootstrap.core.errors import HostUnreachable, KbootstrapError, PrerequisiteMissing
from kbootstrap.core.redact import Redactor
from kbootstrap.engine.context import Context
from kbootstrap.engine.workload_objects import Scope
from tests.engine.clusters import context

RUN = cast("Any", SimpleNamespace(redactor=Redactor()))


async def checked(
    monkeypatch: pytest.MonkeyPatch, names: str, failing: Mapping[str, KbootstrapError]
) -> Reports:
    async def of_cluster(one: Context, _: Scope) -> Report:
        name = one.cluster.name
        if name in failing:
            raise failing[name]
        return Report(name)

    monkeypatch.setattr(checking, "read_spec", lambda _: SimpleNamespace(name="dev"))
    monkeypatch.setattr(checking, "choose", lambda *_: ())
    monkeypatch.setattr(checking, "contexts", lambda *_, **_options: tuple(map(context, names)))
    monkeypatch.setattr(checking, "_of_cluster", of_cluster)
    return await checking.check_workloads(Path("spec.yaml"), (), RUN, Scope(), Severity.ERROR)


async def test_a_failure_of_one_cluster_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = {"c": PrerequisiteMissing("not created"), "b": HostUnreachable("no route", hint="wait")}
    found = await checked(monkeypatch, "abc", failing)
    assert [(one.cluster, one.failure) for one in found.clusters] == [
        ("a", ""),
        ("b", "no route - wait"),
        ("c", "not created"),
    ]
    assert (found.spec, found.failed, exit_code(found, detailed=True)) == ("dev", 7, 7)


async def test_the_failure_of_the_only_cluster_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HostUnreachable):
        await checked(monkeypatch, "b", {"b": HostUnreachable("no route")})


@pytest.mark.parametrize(
    ("outcome", "plain", "detailed"),
    [(Outcome.PASSED, 0, 0), (Outcome.FAILED, 1, 2), (Outcome.UNKNOWN, 1, 1)],
)
def test_exit_codes(outcome: Outcome, plain: int, detailed: int) -> None:
    result = Result(Rule("r", "R", Severity.ERROR, "It matters."), Subject("Node", "n1"), outcome)
    found = Reports("workloads", "dev", (Report("a", (result,)),))
    assert (exit_code(found, detailed=False), exit_code(found, detailed=True)) == (plain, detailed)
