"""HorizontalPodAutoscalers: their minimum, and whether they have metrics."""

from __future__ import annotations

from typing import Any

import pytest

from kbootstrap.checks.report import Outcome
from tests.checks.workloads.samples import api, autoscaler, outcomes, results

FAILED, OK = [Outcome.FAILED], [Outcome.PASSED]


@pytest.mark.parametrize(
    ("minimum", "expected"), [(2, OK), (5, OK), (1, FAILED), (0, FAILED), (None, FAILED)]
)
def test_minimum(minimum: int | None, expected: list[Outcome]) -> None:
    assert outcomes(autoscaler(minReplicas=minimum), rule="hpa-minimum") == expected


def metrics(*types: str) -> dict[str, Any]:
    return autoscaler(metrics=[{"type": one} for one in types])


@pytest.mark.parametrize(
    ("item", "apis", "said"),
    [
        (autoscaler(), ["metrics.k8s.io"], ""),
        (autoscaler(), [], "metrics.k8s.io does not answer: it is not installed"),
        (metrics("Resource", "ContainerResource"), ["metrics.k8s.io"], ""),
        (metrics("Resource", "External"), ["metrics.k8s.io"], "external.metrics.k8s.io"),
        (metrics("External"), ["external.metrics.k8s.io"], ""),
        (metrics("Pods"), ["metrics.k8s.io"], "custom.metrics.k8s.io"),
        (metrics("Object"), ["custom.metrics.k8s.io"], ""),
        (metrics("OfTheFuture"), [], ""),
    ],
)
def test_metrics_need_their_api(item: dict[str, Any], apis: list[str], said: str) -> None:
    [result] = results(item, *map(api, apis), rule="hpa-inactive")
    assert result.outcome is (Outcome.FAILED if said else Outcome.PASSED)
    assert said in result.found


def test_an_api_that_does_not_answer() -> None:
    down = api(available=False, message="no endpoints")
    [result] = results(autoscaler(), down, rule="hpa-inactive")
    assert result.found == "the API metrics.k8s.io does not answer: no endpoints"
    assert "metrics-server" in result.fix


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ([], ""),
        ([{"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"}], ""),
        (
            [
                {
                    "type": "ScalingActive",
                    "status": "False",
                    "reason": "FailedGetResourceMetric",
                    "message": "no cpu",
                }
            ],
            "it is not active: no cpu",
        ),
        (
            [{"type": "AbleToScale", "status": "False", "reason": "FailedGetScale", "message": "not found"}],
            "its target Deployment web cannot be read: not found",
        ),
        ([{"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"}], ""),
    ],
)
def test_conditions(conditions: list[dict[str, str]], said: str) -> None:
    item = {**autoscaler(), "status": {"conditions": conditions}}
    [result] = results(item, api(), rule="hpa-inactive")
    assert result.outcome is (Outcome.FAILED if said else Outcome.PASSED)
    assert result.found == said


def test_an_autoscaler_that_is_off_is_not_judged() -> None:
    off = {"type": "ScalingActive", "status": "False", "reason": "ScalingDisabled"}
    assert results({**autoscaler(), "status": {"conditions": [off]}}, rule="hpa-inactive") == []
