"""Rules for Deployments and StatefulSets: replicas, budget, requests, spread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kbootstrap.checks.report import Rule
from kbootstrap.checks.verdict import PASSED, Verdict, failed
from kbootstrap.checks.workloads import selectors
from kbootstrap.checks.workloads.judged_rule import JudgedRule
from kbootstrap.checks.workloads.objects import AUTOSCALER, BUDGET, LIMITS, WORKLOADS, Item, Namespace
from kbootstrap.checks.workloads.workload import Workload, budgets, workload
from kbootstrap.core.diagnostics import Severity

_REQUESTS = {"cpu": "100m", "memory": "128Mi"}
"""The resources that a container must request, with values for examples."""
_HOST = "kubernetes.io/hostname"


def _single(item: Item, namespace: Namespace) -> Verdict | None:
    found = workload(item, namespace)
    if found.off or found.autoscaler:  # the autoscaler's minimum decides, and has its own rule
        return None
    if found.replicas >= 2:
        return PASSED
    return failed("it has one replica", "Run at least two replicas.", {"spec": {"replicas": 2}})


def _budget(item: Item, namespace: Namespace) -> Verdict | None:
    found = workload(item, namespace)
    if _alone(found):
        return None
    if budgets(found.labels, namespace):
        return PASSED
    example = budget_for(found.name, namespace.name, found.selector)
    return failed("no PodDisruptionBudget selects its pods", "Add a PodDisruptionBudget.", example)


def _spread(item: Item, namespace: Namespace) -> Verdict | None:
    found = workload(item, namespace)
    if _alone(found):
        return None
    if any(selectors.matches(one, found.labels) for one in _spreading(found.pod)):
        return PASSED
    constraint = {
        "maxSkew": 1,
        "topologyKey": _HOST,
        "whenUnsatisfiable": "DoNotSchedule",
        "nodeTaintsPolicy": "Honor",
        "labelSelector": dict(found.selector),
    }
    return failed(
        "nothing keeps its pods on different nodes",
        "Spread the pods over nodes, with topologySpreadConstraints or podAntiAffinity.",
        _template({"topologySpreadConstraints": [constraint]}),
    )


def _requests(item: Item, namespace: Namespace) -> Verdict | None:
    found = workload(item, namespace)
    if found.off:
        return None
    given = {*_default_requests(namespace), *((found.pod.get("resources") or {}).get("requests") or {})}
    missing = {name: lacks - given for name, lacks in _missing(found.pod) if lacks - given}
    if not missing:
        return PASSED
    said = "; ".join(
        f"container {name} does not request {' and '.join(sorted(lacks))}" for name, lacks in missing.items()
    )
    containers = [
        {"name": name, "resources": {"requests": {key: _REQUESTS[key] for key in sorted(lacks)}}}
        for name, lacks in missing.items()
    ]
    return failed(
        said, "Request what the container uses (`kubectl top pods`).", _template({"containers": containers})
    )


def _alone(found: Workload) -> bool:
    """Return whether there is one replica: then budget and spread would have no effect."""
    return found.off or found.least < 2


def _missing(pod: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """Yield each container with the requests that it lacks; limits are the default of requests."""
    lasting = [one for one in pod.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    for one in [*pod.get("containers", ()), *lasting]:
        resources = one.get("resources") or {}
        given = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        yield one["name"], _REQUESTS.keys() - given.keys()


def _default_requests(namespace: Namespace) -> set[str]:
    """Return the requests that LimitRanges of the namespace give to containers without any."""
    return {
        key
        for item in namespace.of(LIMITS)
        for limit in item["spec"].get("limits") or ()
        if limit["type"] == "Container"
        for key in {**(limit.get("default") or {}), **(limit.get("defaultRequest") or {})}
    }


def _spreading(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | None]:
    """Yield the selectors of pods from which a pod keeps its distance."""
    for one in pod.get("topologySpreadConstraints") or ():
        yield one.get("labelSelector")
    apart = (pod.get("affinity") or {}).get("podAntiAffinity") or {}
    for term in apart.get("requiredDuringSchedulingIgnoredDuringExecution") or ():
        yield term.get("labelSelector")
    for weighted in apart.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
        yield weighted["podAffinityTerm"].get("labelSelector")


def budget_for(name: str, namespace: str, selector: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a PodDisruptionBudget that lets one pod at a time be evicted."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"maxUnavailable": 1, "selector": dict(selector)},
    }


def _template(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"spec": {"template": {"spec": pod}}}


CHECKS = (
    JudgedRule(
        Rule(
            "single-replica",
            "At least two replicas run",
            Severity.ERROR,
            "When its node is drained or fails, the application stops until its pod has started elsewhere. "
            "Upgrades, replaced machines and the removal of idle machines drain nodes.",
        ),
        _single,
        WORKLOADS,
        (AUTOSCALER,),
    ),
    JudgedRule(
        Rule(
            "no-requests",
            "Every container requests CPU and memory",
            Severity.ERROR,
            "The scheduler counts requests, not use: pods without them fit on every node and never stay "
            "pending, so no machine is added for them. A HorizontalPodAutoscaler cannot compute their "
            "utilization.",
        ),
        _requests,
        WORKLOADS,
        (LIMITS,),
    ),
    JudgedRule(
        Rule(
            "no-budget",
            "A PodDisruptionBudget limits evictions",
            Severity.WARNING,
            "Drains of several nodes at once may evict all its pods before new ones are ready.",
        ),
        _budget,
        WORKLOADS,
        (BUDGET, AUTOSCALER),
    ),
    JudgedRule(
        Rule(
            "no-spread",
            "Pods are spread over nodes",
            Severity.WARNING,
            "All its pods may run on one node, and stop together with it.",
        ),
        _spread,
        WORKLOADS,
        (AUTOSCALER,),
    ),
)
