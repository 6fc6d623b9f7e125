"""PodDisruptionBudgets that block every drain."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.checks.report import Outcome
from kbootstrap.checks.workloads.rules_budgets import share
from tests.checks.workloads.samples import autoscaler, budget, deployment, outcomes, results

FAILED, OK = [Outcome.FAILED], [Outcome.PASSED]
RULE = "blocking-budget"


@pytest.mark.parametrize(
    ("replicas", "spec", "expected"),
    [
        (2, {"maxUnavailable": 1}, OK),
        (2, {"maxUnavailable": 0}, FAILED),
        (2, {"maxUnavailable": "0%"}, FAILED),
        (2, {"maxUnavailable": "1%"}, OK),
        (1, {"maxUnavailable": 1}, OK),
        (1, {"minAvailable": 1}, FAILED),
        (2, {"minAvailable": 1}, OK),
        (2, {"minAvailable": 2}, FAILED),
        (2, {"minAvailable": 3}, FAILED),
        (2, {"minAvailable": "50%"}, OK),
        (2, {"minAvailable": "51%"}, FAILED),
        (3, {"minAvailable": "100%"}, FAILED),
        (3, {"minAvailable": 0}, OK),
        (2, {"unhealthyPodEvictionPolicy": "AlwaysAllow"}, OK),
        (0, {"maxUnavailable": 0}, []),
    ],
)
def test_budget_of_one_deployment(replicas: int, spec: dict[str, Any], expected: list[Outcome]) -> None:
    assert outcomes(deployment(replicas=replicas), budget(**spec), rule=RULE) == expected


def test_the_minimum_of_an_autoscaler_counts() -> None:
    items = (deployment(replicas=5), autoscaler())
    [result] = results(*items, budget(minAvailable=2), rule=RULE)
    assert result.outcome is Outcome.FAILED
    assert result.found == "minAvailable is 2, and it selects 2 pods at the minimum of the autoscaler"
    assert outcomes(*items, budget(minAvailable=1), rule=RULE) == OK


def test_a_budget_of_several_workloads() -> None:
    items = (deployment(), deployment("canary", replicas=1), deployment("db", labels={"app": "db"}))
    assert outcomes(*items, budget(minAvailable=2), rule=RULE) == OK
    assert outcomes(*items, budget(minAvailable=3), rule=RULE) == FAILED


def test_pods_of_other_controllers_are_counted_by_kubernetes() -> None:
    of_operator = budget(selector={"matchLabels": {"cnpg.io/cluster": "db"}}, minAvailable=1)
    assert outcomes(of_operator, rule=RULE) == []
    of_operator["status"] = {"expectedPods": 1}
    assert outcomes(of_operator, rule=RULE) == FAILED
    of_operator["status"] = {"expectedPods": 3}
    assert outcomes(of_operator, rule=RULE) == OK


def test_pods_with_two_budgets_cannot_be_evicted() -> None:
    found = results(deployment(), budget("a"), budget("b"), budget("other", selector=None), rule=RULE)
    assert [(one.subject.name, one.outcome) for one in found] == [
        ("a", Outcome.FAILED),
        ("b", Outcome.FAILED),
    ]
    assert found[0].found == "the pods of Deployment web have another budget: b"


def test_a_budget_that_kubernetes_cannot_compute() -> None:
    item = budget()
    reason = {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "no scale"}
    item["status"] = {"conditions": [reason]}
    [result] = results(item, rule=RULE)
    assert result.found == "Kubernetes cannot compute it: no scale"
    item["status"] = {"conditions": [{**reason, "reason": "InsufficientPods"}]}
    assert outcomes(deployment(), item, rule=RULE) == OK, "a pod that is not ready blocks for a moment only"


@given(st.integers(0, 100), st.integers(1, 50))
def test_percentages_are_rounded_up(percent: int, pods: int) -> None:
    found = share(f"{percent}%", pods)
    assert (found - 1) * 100 < percent * pods <= found * 100


@given(
    st.integers(1, 30),
    st.sampled_from(["minAvailable", "maxUnavailable"]),
    st.integers(0, 40) | st.integers(0, 100).map("{}%".format),
)
def test_a_budget_blocks_exactly_when_no_eviction_is_allowed(pods: int, key: str, value: int | str) -> None:
    number = share(value, pods)
    allowed = pods - number if key == "minAvailable" else min(number, pods)
    spec: dict[str, Any] = {key: value}
    expected = OK if allowed > 0 else FAILED
    assert outcomes(deployment(replicas=pods), budget(**spec), rule=RULE) == expected
