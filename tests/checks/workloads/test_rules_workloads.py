"""Deployments and StatefulSets: replicas, budget, requests, spread."""

from __future__ import annotations

from typing import Any

import pytest

from kbootstrap.checks.report import Outcome
from tests.checks.workloads.samples import (
    SELECTOR,
    SPREAD,
    autoscaler,
    budget,
    container,
    deployment,
    outcomes,
    results,
)

FAILED, OK = [Outcome.FAILED], [Outcome.PASSED]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize(("replicas", "expected"), [(1, FAILED), (None, FAILED), (2, OK), (9, OK), (0, [])])
def test_replicas(kind: str, replicas: int | None, expected: list[Outcome]) -> None:
    assert outcomes(deployment(replicas=replicas, kind=kind), rule="single-replica") == expected


def test_with_an_autoscaler_its_minimum_decides() -> None:
    items = (deployment(replicas=1), autoscaler())
    assert outcomes(*items, rule="single-replica") == []
    assert outcomes(*items, rule="hpa-minimum") == OK
    assert outcomes(*items, rule="no-spread") == OK, "two replicas will run"
    other = (deployment(replicas=1), autoscaler(target="other"))
    assert outcomes(*other, rule="single-replica") == FAILED
    of_set = (deployment(replicas=1), autoscaler(kind="StatefulSet"))
    assert outcomes(*of_set, rule="single-replica") == FAILED


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (SELECTOR, OK),
        ({}, OK),
        (None, FAILED),
        ({"matchLabels": {"app": "other"}}, FAILED),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]}, OK),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, FAILED),
    ],
)
def test_budget(selector: dict[str, Any] | None, expected: list[Outcome]) -> None:
    assert outcomes(deployment(), budget(selector=selector), rule="no-budget") == expected


def test_the_example_of_a_budget_is_one_that_passes() -> None:
    [result] = results(deployment(), rule="no-budget")
    assert result.example["metadata"] == {"name": "web", "namespace": "shop"}
    assert outcomes(deployment(), result.example, rule="no-budget") == OK
    assert outcomes(deployment(), result.example, rule="blocking-budget") == OK


@pytest.mark.parametrize("rule", ["no-budget", "no-spread"])
def test_one_replica_needs_neither_budget_nor_spread(rule: str) -> None:
    bare: dict[str, Any] = {"topologySpreadConstraints": []}
    assert outcomes(deployment(replicas=1, **bare), rule=rule) == []
    assert outcomes(deployment(replicas=0, **bare), rule=rule) == []
    assert outcomes(deployment(replicas=3, **bare), autoscaler(minReplicas=1), rule=rule) == []
    assert outcomes(deployment(replicas=2, **bare), rule=rule) == FAILED


OTHERS = {"matchLabels": {"app": "db"}}
REQUIRED, PREFERRED = (f"{word}DuringSchedulingIgnoredDuringExecution" for word in ("required", "preferred"))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"topologySpreadConstraints": [SPREAD]}, OK),
        ({"topologySpreadConstraints": [{**SPREAD, "labelSelector": OTHERS}]}, FAILED),
        ({"topologySpreadConstraints": [{**SPREAD, "labelSelector": None}]}, FAILED),
        ({"affinity": {"podAntiAffinity": {REQUIRED: [{"labelSelector": SELECTOR}]}}}, OK),
        ({"affinity": {"podAntiAffinity": {REQUIRED: [{"labelSelector": OTHERS}]}}}, FAILED),
        (
            {
                "affinity": {
                    "podAntiAffinity": {PREFERRED: [{"podAffinityTerm": {"labelSelector": SELECTOR}}]}
                }
            },
            OK,
        ),
        ({"affinity": {"podAffinity": {REQUIRED: [{"labelSelector": SELECTOR}]}}}, FAILED),
        ({"affinity": None}, FAILED),
    ],
)
def test_spread(keys: dict[str, Any], expected: list[Outcome]) -> None:
    item = deployment(**{"topologySpreadConstraints": None, **keys})
    assert outcomes(item, rule="no-spread") == expected


def test_the_example_of_a_spread_is_one_that_passes() -> None:
    [result] = results(deployment(topologySpreadConstraints=[]), rule="no-spread")
    assert outcomes(deployment(**result.example["spec"]["template"]["spec"]), rule="no-spread") == OK


CPU, MEMORY, BOTH = {"cpu": "1"}, {"memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"containers": [container()]}, OK),
        ({"containers": [{"name": "web"}]}, FAILED),
        ({"containers": [{"name": "web", "resources": None}]}, FAILED),
        ({"containers": [container(requests=CPU)]}, FAILED),
        ({"containers": [container(requests=CPU, limits=MEMORY)]}, OK),
        ({"containers": [container(limits=BOTH)]}, OK),
        ({"containers": [container(), container("proxy", requests=MEMORY)]}, FAILED),
        ({"initContainers": [{"name": "init"}]}, OK),
        ({"initContainers": [{"name": "sidecar", "restartPolicy": "Always"}]}, FAILED),
        ({"containers": [{"name": "web"}], "resources": {"requests": BOTH}}, OK),
        ({"containers": [{"name": "web"}], "resources": {"requests": CPU}}, FAILED),
    ],
)
def test_requests(keys: dict[str, Any], expected: list[Outcome]) -> None:
    assert outcomes(deployment(**keys), rule="no-requests") == expected
    assert outcomes(deployment(**keys, replicas=0), rule="no-requests") == []


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ({"type": "Container", "defaultRequest": BOTH}, OK),
        ({"type": "Container", "default": BOTH}, OK),
        ({"type": "Container", "default": CPU, "defaultRequest": MEMORY}, OK),
        ({"type": "Container", "defaultRequest": CPU}, FAILED),
        ({"type": "Container", "max": BOTH}, FAILED),
        ({"type": "Pod", "max": BOTH}, FAILED),
    ],
)
def test_a_limit_range_gives_requests(limit: dict[str, Any], expected: list[Outcome]) -> None:
    limits = {"kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [limit]}}
    assert outcomes(deployment(containers=[{"name": "web"}]), limits, rule="no-requests") == expected


def test_every_container_without_a_request_is_named() -> None:
    item = deployment(containers=[container(), container("a", requests=CPU), {"name": "b"}])
    [result] = results(item, rule="no-requests")
    assert result.found == "container a does not request memory; container b does not request cpu and memory"
    added = result.example["spec"]["template"]["spec"]["containers"]
    assert [(one["name"], sorted(one["resources"]["requests"])) for one in added] == [
        ("a", ["memory"]),
        ("b", ["cpu", "memory"]),
    ]
