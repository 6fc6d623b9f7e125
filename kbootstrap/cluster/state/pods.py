"""Pods as data: which of them a drain evicts, and whether workloads are ready again; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_MIRROR = "kubernetes.io/config.mirror"
"""Annotation of pods that a kubelet runs by itself (Kubernetes: "Static Pods")."""
_FINISHED = frozenset({"Succeeded", "Failed"})
_HASH = "pod-template-hash"
"""Label of a Deployment's pods; the names of its ReplicaSets end with it (Kubernetes: "Deployments")."""
_STEADY = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet"})
"""Kinds of owners that keep a number of pods running; others (Job) come to an end."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller that creates a pod, and recreates it on another node.

    A Deployment in place of its ReplicaSet, which is another one for each version of it: an upgrade of k3s
    brings its addons along.
    """

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod. `terminating`: it was deleted and is shutting down."""

    namespace: str
    name: str
    node: str
    owner: Owner | None
    mirror: bool
    finished: bool
    ready: bool
    terminating: bool

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def moves(self) -> bool:
        """Whether a drain evicts the pod: not if it is bound to the node, or has ended."""
        return not (
            self.mirror or self.finished or (self.owner is not None and self.owner.kind == "DaemonSet")
        )


def read_pod(item: Mapping[str, Any]) -> Pod:
    """Read a Pod object."""
    meta, status = item["metadata"], item.get("status", {})
    owner = next((o for o in meta.get("ownerReferences", ()) if o.get("controller")), None)
    conditions = {c["type"]: c["status"] for c in status.get("conditions", ())}
    return Pod(
        namespace=meta["namespace"],
        name=meta["name"],
        node=item.get("spec", {}).get("nodeName", ""),
        owner=_owner(meta, owner) if owner else None,
        mirror=_MIRROR in meta.get("annotations", {}),
        finished=status.get("phase") in _FINISHED,
        ready=conditions.get("Ready") == "True",
        terminating="deletionTimestamp" in meta,
    )


def _owner(meta: Mapping[str, Any], owner: Mapping[str, Any]) -> Owner:
    namespace, kind, name = meta["namespace"], owner["kind"], owner["name"]
    end = f"-{meta.get('labels', {}).get(_HASH, '')}"
    if kind == "ReplicaSet" and end != "-" and name.endswith(end):
        return Owner("Deployment", namespace, name.removesuffix(end))
    return Owner(kind, namespace, name)


@dataclass(frozen=True, slots=True)
class Workloads:
    """The number of ready pods of each owner that had pods on one node.

    Of a DaemonSet only the pod of that `node` counts: other nodes may come and go meanwhile.
    """

    ready: Mapping[Owner, int]
    node: str = ""

    def fewer(self, pods: Iterable[Pod]) -> Mapping[Owner, int]:
        """Return the owners that have fewer ready pods now than they had, and how many."""
        now = _ready(pods, self.node)
        return {owner: now[owner] for owner, count in self.ready.items() if now[owner] < count}

    def missing(self, pods: Iterable[Pod], scale: Mapping[Owner, int | None]) -> tuple[str, ...]:
        """Return the owners that have fewer ready pods than they should, as `namespace/name (1 of 2)`.

        They should have as many as before, but not more than what `scale` has for them: an autoscaler or an
        operator may have changed their number meanwhile. None: the number follows from the nodes.
        """
        wanted = {
            owner: before if (now := scale.get(owner)) is None else min(before, now)
            for owner, before in self.ready.items()
        }
        return tuple(
            f"{owner.namespace}/{owner.name} ({now} of {wanted[owner]} ready)"
            for owner, now in self.fewer(pods).items()
            if now < wanted[owner]
        )


def on_node(node: str, pods: Iterable[Pod], *, stays: bool) -> Workloads:
    """Return the workloads with ready pods on a node; `stays`: including pods bound to the node."""
    found = tuple(pods)
    here = [
        p.owner
        for p in found
        if p.node == node and p.ready and not p.terminating and p.owner and p.owner.kind in _STEADY
        if stays or p.moves
    ]
    every = _ready(found, node)
    return Workloads({owner: every[owner] for owner in here}, node)


def _ready(pods: Iterable[Pod], node: str) -> Counter[Owner]:
    return Counter(
        p.owner
        for p in pods
        if p.owner and p.ready and not p.terminating
        if p.owner.kind != "DaemonSet" or p.node == node
    )
