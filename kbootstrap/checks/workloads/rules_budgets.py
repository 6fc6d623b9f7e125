"""The rule for PodDisruptionBudgets: one that is never met blocks every drain.

Percentages are rounded up (Kubernetes: "Specifying a Disruption Budget for your Application").
"""

from __future__ import annotations

from kbootstrap.checks.report import Rule
from kbootstrap.checks.verdict import PASSED, Verdict, failed
from kbootstrap.checks.workloads import selectors
from kbootstrap.checks.workloads.judged_rule import JudgedRule
from kbootstrap.checks.workloads.objects import AUTOSCALER, BUDGET, WORKLOADS, Item, Namespace, named
from kbootstrap.checks.workloads.workload import Workload, budgets, workloads
from kbootstrap.core.diagnostics import Severity


def _blocks(item: Item, namespace: Namespace) -> Verdict | None:
    spec = item["spec"]
    covered = [one for one in workloads(namespace) if selectors.matches(spec.get("selector"), one.labels)]
    for one in covered:
        others = [
            other for budget in budgets(one.labels, namespace) if (other := named(budget)) != named(item)
        ]
        if others:
            return failed(
                f"the pods of {one.kind} {one.name} have another budget: {', '.join(others)}",
                "The API refuses to evict a pod with several budgets: let one budget select these pods.",
            )
    if problem := _sync_problem(item):
        return failed(
            f"Kubernetes cannot compute it: {problem}",
            "Let it select pods of Deployments and StatefulSets only.",
        )
    expected = _expected(item, covered)
    if not expected:
        return None
    if expected > _healthy(item, expected):
        return PASSED
    allowed = {key: spec[key] for key in ("minAvailable", "maxUnavailable") if spec.get(key) is not None}
    said = " and ".join(f"{key} is {value}" for key, value in allowed.items())
    return failed(
        f"{said}, and it selects {expected} pod{'s' if expected > 1 else ''}"
        + (" at the minimum of the autoscaler" if any(one.autoscaler for one in covered) else ""),
        "Let one pod be evicted, with maxUnavailable instead of minAvailable"
        + ("." if expected > 1 else "; and run two replicas, so that the other one serves."),
        {"spec": {"maxUnavailable": 1}},
    )


def _expected(item: Item, covered: list[Workload]) -> int:
    """Return the least number of pods that a budget selects; Kubernetes counts those of other controllers."""
    counted = int((item.get("status") or {}).get("expectedPods") or 0)
    return sum(one.least for one in covered) + max(counted - sum(one.replicas for one in covered), 0)


def _healthy(item: Item, expected: int) -> int:
    """Return how many pods a budget keeps."""
    least, most = item["spec"].get("minAvailable"), item["spec"].get("maxUnavailable")
    if most is not None:
        return max(expected - share(most, expected), 0)
    return share(least, expected) if least is not None else 0


def share(value: int | str, of: int) -> int:
    """Return a number of pods, or a percentage of them rounded up."""
    if isinstance(value, str) and value.endswith("%"):
        return -(-int(value[:-1]) * of // 100)
    return int(value)


def _sync_problem(item: Item) -> str:
    """Return why the controller of budgets cannot compute this one; it then allows no eviction."""
    for one in (item.get("status") or {}).get("conditions") or ():
        if one["type"] == "DisruptionAllowed" and one.get("reason") == "SyncFailed":
            return str(one.get("message") or one["reason"])
    return ""


CHECKS = (
    JudgedRule(
        Rule(
            "blocking-budget",
            "Budgets allow evictions",
            Severity.ERROR,
            "A drain cannot finish: upgrades stop at the node of such a pod, and idle machines stay.",
        ),
        _blocks,
        (BUDGET,),
        (*WORKLOADS, AUTOSCALER),
    ),
)
