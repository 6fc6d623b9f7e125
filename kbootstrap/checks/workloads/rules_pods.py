"""Rules for pods that keep their node: a drain cannot move them, or cluster-autoscaler does not try to.

What cluster-autoscaler leaves alone is described in its FAQ ("What types of pods can prevent CA from
removing a node?"); these are the defaults of its options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kbootstrap.checks.report import Rule
from kbootstrap.checks.verdict import PASSED, Verdict, failed
from kbootstrap.checks.workloads.judged_rule import Judge, JudgedRule
from kbootstrap.checks.workloads.objects import (
    BUDGET,
    POD,
    VOLUME,
    Item,
    Namespace,
    labels,
    named,
    notes,
)
from kbootstrap.checks.workloads.rules_workloads import budget_for
from kbootstrap.checks.workloads.workload import budgets
from kbootstrap.cluster.state.pods import Pod, read_pod
from kbootstrap.core.diagnostics import Severity

_PREFIX = "cluster-autoscaler.kubernetes.io"
_SAFE, _SAFE_VOLUMES = f"{_PREFIX}/safe-to-evict", f"{_PREFIX}/safe-to-evict-local-volumes"
_HOST = "kubernetes.io/hostname"
_SYSTEM = "kube-system"
_OF_ONE_POD = (
    "pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
)
"""Labels that controllers add to the pods of one version, or to one pod."""


def _moving(judge: Callable[[Item, Pod, Namespace], Verdict | None]) -> Judge:
    """Return a judge of the pods that a drain moves, except those that are being deleted."""

    def judged(item: Item, namespace: Namespace) -> Verdict | None:
        pod = read_pod(item)
        return judge(item, pod, namespace) if pod.moves and not pod.terminating else None

    return judged


def _controller(_item: Item, pod: Pod, _namespace: Namespace) -> Verdict:
    if pod.owner:
        return PASSED
    return failed(
        "no controller would start this pod on another node",
        "Run it in a Deployment or a Job, or delete it.",
    )


def _volume(item: Item, _pod: Pod, namespace: Namespace) -> Verdict:
    tied = {_claim(one) for one in namespace.of(VOLUME) if _on_one_node(one)}
    claims = [claim for claim in _claims(item) if (namespace.name, claim) in tied]
    if not claims:
        return PASSED
    return failed(
        f"the volume of {', '.join(claims)} exists on one node only",
        "Use a storage class whose volumes can be attached to other nodes, and several replicas.",
    )


def _storage(item: Item, pod: Pod, _namespace: Namespace) -> Verdict:
    own = notes(item)
    safe = own.get(_SAFE_VOLUMES, "").split(",")
    local = [
        one["name"] for one in item["spec"].get("volumes") or () if _is_local(one) and one["name"] not in safe
    ]
    if not local or own.get(_SAFE) == "true":
        return PASSED
    return failed(
        f"volumes on the node's disk: {', '.join(local)}",
        "If their contents may be lost, say so in an annotation; otherwise use a PersistentVolumeClaim.",
        _annotated(pod, _SAFE_VOLUMES, ",".join([*filter(None, safe), *local])),
    )


def _annotation(item: Item, _pod: Pod, _namespace: Namespace) -> Verdict:
    if notes(item).get(_SAFE) != "false":
        return PASSED
    return failed(
        f'it has the annotation {_SAFE}: "false"',
        "Remove the annotation, and let a PodDisruptionBudget limit evictions.",
    )


def _system(item: Item, pod: Pod, namespace: Namespace) -> Verdict | None:
    if namespace.name != _SYSTEM:
        return None
    if budgets(labels(item), namespace) or notes(item).get(_SAFE) == "true":
        return PASSED
    own = {key: value for key, value in labels(item).items() if key not in _OF_ONE_POD}
    example = budget_for(pod.owner.name if pod.owner else pod.name, namespace.name, {"matchLabels": own})
    return failed("no PodDisruptionBudget selects it", "Add a PodDisruptionBudget.", example if own else None)


def _is_local(volume: Mapping[str, Any]) -> bool:
    empty = volume.get("emptyDir")
    return "hostPath" in volume or (empty is not None and empty.get("medium") != "Memory")


def _claims(item: Item) -> Iterator[str]:
    """Yield the PersistentVolumeClaims of a pod; an ephemeral volume's is named after pod and volume."""
    for one in item["spec"].get("volumes") or ():
        if claim := one.get("persistentVolumeClaim"):
            yield claim["claimName"]
        elif "ephemeral" in one:
            yield f"{named(item)}-{one['name']}"


def _claim(volume: Item) -> tuple[str, str]:
    reference = volume["spec"].get("claimRef") or {}
    return reference.get("namespace", ""), reference.get("name", "")


def _on_one_node(volume: Item) -> bool:
    """Return whether a PersistentVolume is on one node: by its type, or by the nodes that may use it."""
    spec = volume["spec"]
    terms = ((spec.get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms") or ()
    keys = {one["key"] for term in terms for one in term.get("matchExpressions") or ()}
    return "hostPath" in spec or "local" in spec or _HOST in keys


def _annotated(pod: Pod, key: str, value: str) -> Mapping[str, Any]:
    """Return an annotation for a pod, or for the template of its controller."""
    own = {"metadata": {"annotations": {key: value}}}
    return {"spec": {"template": own}} if pod.owner else own


CHECKS = (
    JudgedRule(
        Rule(
            "no-controller",
            "A controller recreates every pod",
            Severity.ERROR,
            "kbootstrap refuses to drain its node, because the pod would be lost (KB0850); "
            "cluster-autoscaler keeps the node.",
        ),
        _moving(_controller),
        (POD,),
    ),
    JudgedRule(
        Rule(
            "local-volume",
            "Volumes can follow their pods to another node",
            Severity.ERROR,
            "After a drain the pod stays pending until its node is back. If the machine is replaced or "
            "removed, the data is lost.",
        ),
        _moving(_volume),
        (POD,),
        (VOLUME,),
    ),
    JudgedRule(
        Rule(
            "local-storage",
            "No pod stores data on its node's disk",
            Severity.WARNING,
            "A drain deletes the contents. cluster-autoscaler therefore keeps the node, however idle it is.",
        ),
        _moving(_storage),
        (POD,),
    ),
    JudgedRule(
        Rule(
            "not-evictable",
            "Pods may be evicted",
            Severity.WARNING,
            "cluster-autoscaler keeps the node of this pod, however idle it is.",
        ),
        _moving(_annotation),
        (POD,),
    ),
    JudgedRule(
        Rule(
            "system-without-budget",
            "Pods in kube-system have a PodDisruptionBudget",
            Severity.WARNING,
            "cluster-autoscaler keeps the node of a pod in kube-system that no budget selects.",
        ),
        _moving(_system),
        (POD,),
        (BUDGET,),
    ),
)
