"""The objects that the rules read: their kinds and paths, and the objects of one namespace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kbootstrap.cluster.state.listing import Listing

Item = Mapping[str, Any]
"""An object as the API returns it."""

DEPLOYMENT, STATEFUL_SET = "Deployment", "StatefulSet"
BUDGET, AUTOSCALER = "PodDisruptionBudget", "HorizontalPodAutoscaler"
POD, LIMITS = "Pod", "LimitRange"
VOLUME, API = "PersistentVolume", "APIService"
WORKLOADS = (DEPLOYMENT, STATEFUL_SET)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: `base` is the path of its API group, `plural` its name in paths."""

    base: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "") -> str:
        """Return the path of the objects of a namespace, or of all."""
        inside = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{self.base}{inside}/{self.plural}"


KINDS: Mapping[str, Kind] = {
    DEPLOYMENT: Kind("/apis/apps/v1", "deployments"),
    STATEFUL_SET: Kind("/apis/apps/v1", "statefulsets"),
    BUDGET: Kind("/apis/policy/v1", "poddisruptionbudgets"),
    AUTOSCALER: Kind("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    POD: Kind("/api/v1", "pods"),
    LIMITS: Kind("/api/v1", "limitranges"),
    VOLUME: Kind("/api/v1", "persistentvolumes", namespaced=False),
    API: Kind("/apis/apiregistration.k8s.io/v1", "apiservices", namespaced=False),
}
"""All kinds that a rule reads, by the name that objects have in `kind`."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """The objects of a namespace by kind, and those of the whole cluster."""

    name: str
    lists: Mapping[str, Listing] = field(default_factory=dict)

    def of(self, *kinds: str) -> tuple[Item, ...]:
        """Return the objects of these kinds."""
        return tuple(item for kind in kinds if kind in self.lists for item in self.lists[kind].items)

    def refused(self, kinds: Iterable[str]) -> str:
        """Return why one of these kinds could not be read; empty if all were."""
        for kind in kinds:
            if reason := self.lists[kind].refused if kind in self.lists else "it was not read":
                return f"{kind}: {reason}"
        return ""


def named(item: Item) -> str:
    """Return the name of an object."""
    return str(item["metadata"]["name"])


def notes(item: Item) -> Mapping[str, str]:
    """Return the annotations of an object."""
    return item["metadata"].get("annotations") or {}


def labels(item: Item) -> Mapping[str, str]:
    """Return the labels of an object, or of a pod template."""
    return (item.get("metadata") or {}).get("labels") or {}


def by_namespace(names: Iterable[str], found: Mapping[str, Listing]) -> tuple[Namespace, ...]:
    """Sort objects that were read for the whole cluster into namespaces."""
    sorted_items: dict[tuple[str, str], list[Item]] = {}
    for kind, listing in found.items():
        if KINDS[kind].namespaced:
            for item in listing.items:
                sorted_items.setdefault((kind, item["metadata"]["namespace"]), []).append(item)
    return tuple(
        Namespace(
            name,
            {
                kind: Listing(tuple(sorted_items.get((kind, name), ())), listing.refused)
                if KINDS[kind].namespaced
                else listing
                for kind, listing in found.items()
            },
        )
        for name in names
    )
