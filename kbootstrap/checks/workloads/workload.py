"""Deployments and StatefulSets as the rules see them: selected pods, and the least number of replicas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kbootstrap.checks.workloads import selectors
from kbootstrap.checks.workloads.objects import AUTOSCALER, BUDGET, WORKLOADS, Item, Namespace, labels, named


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or StatefulSet. `autoscaler` is the HorizontalPodAutoscaler that changes its replicas."""

    kind: str
    name: str
    replicas: int
    selector: Mapping[str, Any]
    labels: Mapping[str, str]
    pod: Mapping[str, Any]
    autoscaler: Item | None = None

    @property
    def least(self) -> int:
        """The number of replicas that always run: the minimum of an autoscaler, where there is one."""
        return minimum(self.autoscaler) if self.autoscaler else self.replicas

    @property
    def off(self) -> bool:
        """Whether it is scaled to zero; that also turns an autoscaler off."""
        return self.replicas == 0


def minimum(autoscaler: Item) -> int:
    """Return the least number of replicas of a HorizontalPodAutoscaler; the default is 1."""
    found = autoscaler["spec"].get("minReplicas")
    return 1 if found is None else int(found)


def workload(item: Item, namespace: Namespace) -> Workload:
    """Read a Deployment or StatefulSet, with its autoscaler."""
    spec, kind, name = item["spec"], item["kind"], named(item)
    replicas = spec.get("replicas")
    template = spec["template"]
    return Workload(
        kind=kind,
        name=name,
        replicas=1 if replicas is None else int(replicas),
        selector=spec.get("selector") or {},
        labels=labels(template),
        pod=template["spec"],
        autoscaler=next((one for one in namespace.of(AUTOSCALER) if _scales(one, kind, name)), None),
    )


def _scales(autoscaler: Item, kind: str, name: str) -> bool:
    target = autoscaler["spec"]["scaleTargetRef"]
    return bool(target["kind"] == kind and target["name"] == name)


def workloads(namespace: Namespace) -> Iterator[Workload]:
    """Yield the Deployments and StatefulSets of a namespace that run."""
    found = (workload(item, namespace) for item in namespace.of(*WORKLOADS))
    return (one for one in found if not one.off)


def budgets(pod_labels: Mapping[str, str], namespace: Namespace) -> tuple[Item, ...]:
    """Return the PodDisruptionBudgets that select a pod with these labels."""
    return tuple(
        one for one in namespace.of(BUDGET) if selectors.matches(one["spec"].get("selector"), pod_labels)
    )
