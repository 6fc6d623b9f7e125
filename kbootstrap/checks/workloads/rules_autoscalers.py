"""Rules for HorizontalPodAutoscalers: their minimum, and whether they have metrics.

Metrics come from aggregated APIs (Kubernetes: "Horizontal Pod Autoscaling", support for metrics APIs).
"""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.checks.report import Rule
from kbootstrap.checks.verdict import PASSED, Verdict, failed
from kbootstrap.checks.workloads.judged_rule import JudgedRule
from kbootstrap.checks.workloads.objects import API, AUTOSCALER, Item, Namespace
from kbootstrap.checks.workloads.workload import minimum
from kbootstrap.core.diagnostics import Severity

_CPU_AND_MEMORY = "metrics.k8s.io"
_SOURCES = {
    "Resource": _CPU_AND_MEMORY,
    "ContainerResource": _CPU_AND_MEMORY,
    "Pods": "custom.metrics.k8s.io",
    "Object": "custom.metrics.k8s.io",
    "External": "external.metrics.k8s.io",
}
"""The API group that each type of metric is read from."""


def _minimum(item: Item, _: Namespace) -> Verdict:
    least = minimum(item)
    if least >= 2:
        return PASSED
    said = (
        f"minReplicas is {least}"
        if item["spec"].get("minReplicas") is not None
        else "minReplicas is not set: 1"
    )
    return failed(said, "Set a minimum of at least two.", {"spec": {"minReplicas": 2}})


def _metrics(item: Item, namespace: Namespace) -> Verdict | None:
    conditions = {one["type"]: one for one in (item.get("status") or {}).get("conditions") or ()}
    active, able = conditions.get("ScalingActive", {}), conditions.get("AbleToScale", {})
    if active.get("reason") == "ScalingDisabled":
        return None
    for problem, fix in _missing(item, namespace):
        return failed(problem, fix)
    if able.get("reason") == "FailedGetScale":
        target = item["spec"]["scaleTargetRef"]
        return failed(
            f"its target {target['kind']} {target['name']} cannot be read: {able.get('message', '')}",
            "Name an object that exists in `scaleTargetRef`.",
        )
    if active.get("status") == "False":
        return failed(
            f"it is not active: {active.get('message') or active.get('reason', '')}",
            "Correct what the message names; in the first minutes of a pod there are no metrics of it.",
        )
    return PASSED


def _missing(item: Item, namespace: Namespace) -> Iterator[tuple[str, str]]:
    """Yield the metrics APIs that it needs and that do not answer, each with a remedy."""
    types = [one["type"] for one in item["spec"].get("metrics") or ()] or ["Resource"]
    for group in dict.fromkeys(_SOURCES[one] for one in types if one in _SOURCES):
        found = [one for one in namespace.of(API) if one["spec"].get("group") == group]
        if any(_available(one) for one in found):
            continue
        why = next((message for one in found if (message := _reason(one))), "it is not installed")
        if group == _CPU_AND_MEMORY:
            fix = "Remove metrics-server from `kubernetes.disable` in the spec, or install it."
        else:
            fix = f"Install an adapter that serves {group}."
        yield f"the API {group} does not answer: {why}", fix


def _available(service: Item) -> bool:
    return any(
        one["type"] == "Available" and one["status"] == "True"
        for one in (service.get("status") or {}).get("conditions") or ()
    )


def _reason(service: Item) -> str:
    conditions = (service.get("status") or {}).get("conditions") or ()
    return next((str(one.get("message", "")) for one in conditions if one["type"] == "Available"), "")


CHECKS = (
    JudgedRule(
        Rule(
            "hpa-minimum",
            "The minimum of an autoscaler is two",
            Severity.ERROR,
            "When there is little load, one replica is left, which stops when its node is drained or fails.",
        ),
        _minimum,
        (AUTOSCALER,),
    ),
    JudgedRule(
        Rule(
            "hpa-inactive",
            "Autoscalers have metrics and a target",
            Severity.ERROR,
            "The number of replicas does not follow the load.",
        ),
        _metrics,
        (AUTOSCALER,),
        (API,),
    ),
)
