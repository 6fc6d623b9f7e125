"""Objects as the API returns them, and what the rules say about a namespace that has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kbootstrap.checks.report import Outcome, Result
from kbootstrap.checks.workloads.judge import judge
from kbootstrap.checks.workloads.objects import KINDS, Item, Namespace
from kbootstrap.cluster.state.listing import Listing

SELECTOR = {"matchLabels": {"app": "web"}}
REQUESTS = {"requests": {"cpu": "100m", "memory": "128Mi"}}
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": SELECTOR,
}
NAMESPACE = "shop"


def container(name: str = "web", **resources: Any) -> dict[str, Any]:  # noqa: ANN401 - as in a manifest
    return {"name": name, "image": "web", "resources": resources or REQUESTS}


def deployment(
    name: str = "web",
    *,
    replicas: int | None = 2,
    kind: str = "Deployment",
    labels: Mapping[str, str] | None = None,
    **pod: Any,  # noqa: ANN401 - as in a manifest
) -> dict[str, Any]:
    """Return a Deployment without a fault; `pod` are keys of its pods."""
    own = dict(labels or {"app": "web"})
    spec: dict[str, Any] = {
        "selector": {"matchLabels": own},
        "template": {
            "metadata": {"labels": own},
            "spec": {"containers": [container()], "topologySpreadConstraints": [SPREAD], **pod},
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def budget(name: str = "web", selector: Mapping[str, Any] | None = SELECTOR, **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": selector, **(spec or {"maxUnavailable": 1})},
        "status": {},
    }


def autoscaler(
    name: str = "web",
    *,
    target: str = "web",
    kind: str = "Deployment",
    **spec: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Return an active HorizontalPodAutoscaler with a minimum of two."""
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": target},
            "minReplicas": 2,
            "maxReplicas": 5,
            **spec,
        },
        "status": {"conditions": [{"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"}]},
    }


def api(group: str = "metrics.k8s.io", *, available: bool = True, message: str = "") -> dict[str, Any]:
    condition = {"type": "Available", "status": str(available), "message": message}
    return {
        "kind": "APIService",
        "metadata": {"name": f"v1beta1.{group}"},
        "spec": {"group": group},
        "status": {"conditions": [condition]},
    }


def pod(
    name: str = "web-5d8f-x2x",
    *,
    owner: tuple[str, str] | None = ("ReplicaSet", "web-5d8f"),
    namespace: str = NAMESPACE,
    annotations: Mapping[str, str] | None = None,
    volumes: Iterable[Mapping[str, Any]] = (),
    phase: str = "Running",
    **meta: Any,  # noqa: ANN401 - as in a manifest
) -> dict[str, Any]:
    """Return a pod; the default one is of the Deployment `web`."""
    references = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": "web", "pod-template-hash": "5d8f"},
            "annotations": dict(annotations or {}),
            "ownerReferences": references,
            **meta,
        },
        "spec": {"nodeName": "n1", "containers": [container()], "volumes": list(volumes)},
        "status": {"phase": phase},
    }


def namespace(*items: Item, name: str = NAMESPACE, refused: Mapping[str, str] | None = None) -> Namespace:
    """Return a namespace with these objects; `refused` are kinds that could not be read, with the reason."""
    lists = {kind: Listing(tuple(item for item in items if item["kind"] == kind)) for kind in KINDS}
    lists |= {kind: Listing(refused=why) for kind, why in (refused or {}).items()}
    return Namespace(name, lists)


def results(*items: Item, rule: str, name: str = NAMESPACE) -> list[Result]:
    """Return the results of one rule."""
    return [one for one in judge([namespace(*items, name=name)]) if one.rule.id == rule]


def outcomes(*items: Item, rule: str, name: str = NAMESPACE) -> list[Outcome]:
    """Return the outcomes of one rule."""
    return [one.outcome for one in results(*items, rule=rule, name=name)]
