"""A stand-in for Cluster Autoscaler: its loop, written from its documentation and the contract.

Each round: `Refresh`, groups with their sizes, pods that the scheduler could not place, packed on what there
is and what is being created, then on copies of the last node of each group that may grow, or its template
node if there was none; the group whose nodes cost least for what the pods request grows ("Cost-based node
group ranking function", proposals/pricing.md).
Groups with a failed instance are backed off. Nodes whose requests are below half, and whose pods fit
elsewhere, are drained and deleted after the idle time of their group, one at a time, never below its minimum.

It knows requests, node selectors and taints without tolerations; no budgets, affinity or priorities.
`tests/acceptance/autoscaler.md` has how the same scenario runs with the release's program.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kbootstrap.autoscaler.quantities import quantity
from tests.e2e.autoscaler import Scaler
from tests.e2e.lab import Lab

if TYPE_CHECKING:
    from kbootstrap.autoscaler.wire import Message

SCAN = 1.0
"""Seconds between two rounds (`--scan-interval`, 10 s there)."""
BACKOFF = 300.0
"""Seconds in which a group with a failure does not grow (`--initial-node-group-backoff-duration`)."""
IDLE = 0.5
"""Share of requests below which a node is a candidate for removal (`--scale-down-utilization-threshold`)."""
_RESOURCES = ("cpu", "memory")
_MARKS = ("node.kubernetes.io/", "DeletionCandidateOf", "ToBeDeletedBy")
_UNREADY = ("node.kubernetes.io/not-ready", "node.kubernetes.io/network-unavailable")
STABLE = {"cpu": "500m", "memory": "500Mi"}
"""The pod of the documentation whose price is added to both sides of a comparison."""


@dataclass
class Room:
    """What pods may use of a node, or of one that would be created."""

    name: str
    labels: Mapping[str, str]
    open: bool
    """Whether pods without tolerations may run on it."""
    free: dict[str, float]

    def fits(self, pod: Mapping[str, Any]) -> bool:
        """Return whether a pod may run here."""
        selector: Mapping[str, str] = pod["spec"].get("nodeSelector", {})
        wanted = requests(pod)
        return (
            self.open
            and selector.items() <= self.labels.items()
            and all(wanted[key] <= self.free[key] for key in _RESOURCES)
        )

    def take(self, pod: Mapping[str, Any]) -> None:
        """Count a pod that runs here."""
        for key, value in requests(pod).items():
            self.free[key] -= value


@dataclass
class Group:
    """A node group as the server reports it in one round. `ready` are its Ready nodes, by name."""

    id: str
    least: int
    most: int
    target: int
    idle: float
    ready: dict[str, dict[str, Any]]


@dataclass
class StandIn:
    """The loop, in a thread. `rounds` counts those that came to their end; `error` is why one did not."""

    server: Scaler
    lab: Lab
    rounds: int = 0
    error: str = ""
    _backed_off: dict[str, float] = field(default_factory=dict)
    _idle: dict[str, float] = field(default_factory=dict)
    _copies: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The last Ready node of each group, also of one that has none any more."""
    _stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Go round until `stop`; a round that fails is followed by the next one."""
        import grpc

        while not self._stopped.wait(SCAN):
            try:
                self._round()
                self.rounds += 1
            except (grpc.RpcError, AssertionError) as error:
                self.error = str(error)

    def stop(self) -> None:
        """End after this round."""
        self._stopped.set()

    def _round(self) -> None:
        self.server.call("Refresh")
        nodes = {one["metadata"]["name"]: one for one in self.lab.get("nodes")["items"]}
        pods = [
            one
            for one in self.lab.get("pods", "-A")["items"]
            if one["status"].get("phase") in {"Pending", "Running"}
        ]
        groups = [self._group(one, nodes) for one in self.server.call("NodeGroups").nodeGroups]
        self._copies |= {one.id: next(iter(one.ready.values())) for one in groups if one.ready}
        for group in groups:
            self._notice_failures(group)
        if not self._grow(groups, nodes, pods):
            self._shrink(groups, nodes, pods)

    def _group(self, told: Message, nodes: Mapping[str, dict[str, Any]]) -> Group:
        ids = set(self.server.instances(told.id))
        return Group(
            id=told.id,
            least=told.minSize,
            most=told.maxSize,
            target=self.server.target(told.id),
            idle=self.server.idle(told.id),
            ready={
                name: node
                for name, node in nodes.items()
                if node["spec"].get("providerID") in ids and _ready(node)
            },
        )

    def _notice_failures(self, group: Group) -> None:
        if self.server.faults(group.id):
            self._backed_off[group.id] = time.monotonic() + BACKOFF

    def _grow(
        self, groups: Sequence[Group], nodes: Mapping[str, dict[str, Any]], pods: Sequence[dict[str, Any]]
    ) -> bool:
        """Ask for nodes if pods wait that fit nowhere; return whether pods wait."""
        waiting = [one for one in pods if _unschedulable(one)]
        rooms = [*_rooms(nodes, pods).values()]
        for group in groups:
            rooms += [self._template(group.id) for _ in range(group.target - len(group.ready))]
        left = [pod for pod in waiting if not _placed(pod, rooms)]
        choices = [found for one in groups if left and (found := self._choice(one, left))]
        if choices:
            _, group, number = min(choices, key=lambda one: one[0])
            self.server.call("NodeGroupIncreaseSize", id=group.id, delta=number)
        return bool(waiting)

    def _choice(self, group: Group, pods: Sequence[dict[str, Any]]) -> tuple[float, Group, int] | None:
        """Return what new nodes of a group cost for the pods that they could run, and how many they are."""
        if time.monotonic() < self._backed_off.get(group.id, 0.0):
            return None
        new: list[Room] = []
        placed = []
        for pod in pods:
            if not _placed(pod, new):
                room = self._template(group.id)
                if len(new) >= group.most - group.target or not room.fits(pod):
                    continue
                room.take(pod)
                new.append(room)
            placed.append(pod)
        if not placed:
            return None
        stable = self.server.pod_price(STABLE)
        price = self._price(group.id)
        worth = sum(self.server.pod_price(one) for pod in placed for one in _containers(pod))
        return (price * len(new) + stable) / (worth + stable), group, len(new)

    def _price(self, group: str) -> float:
        told: dict[str, object] = {"name": f"template-node-for-{group}-851549993302969257"}
        if (copy := self._copies.get(group)) is not None:
            metadata = copy["metadata"]
            told |= {"providerID": copy["spec"]["providerID"], "labels": metadata["labels"]}
            return self.server.node_price(told | {"annotations": metadata.get("annotations", {})})
        node = self.server.call("NodeGroupTemplateNodeInfo", id=group).nodeInfo
        return self.server.node_price(told | {"annotations": dict(node.metadata.annotations)})

    def _template(self, group: str) -> Room:
        if (copy := self._copies.get(group)) is not None:
            free = {key: quantity(copy["status"]["allocatable"][key]) for key in _RESOURCES}
            return Room(group, copy["metadata"]["labels"], not _taints(copy), free)
        node = self.server.call("NodeGroupTemplateNodeInfo", id=group).nodeInfo
        free = {key: quantity(node.status.allocatable[key].string) for key in _RESOURCES}
        return Room(group, dict(node.metadata.labels), not node.spec.taints, free)

    def _shrink(
        self, groups: Sequence[Group], nodes: Mapping[str, dict[str, Any]], pods: Sequence[dict[str, Any]]
    ) -> None:
        """Remove one node that has been idle long enough."""
        now = time.monotonic()
        idle = {
            name: (group, node)
            for group in groups
            for name, node in group.ready.items()
            if group.target > group.least and not _kept(node) and _unneeded(node, nodes, pods)
        }
        self._idle = {name: self._idle.get(name, now) for name in idle}
        for name, (group, _) in idle.items():
            if now - self._idle[name] >= group.idle:
                self.server.remove(group.id, name)
                return


@contextmanager
def stand_in(server: Scaler) -> Iterator[StandIn]:
    """Run the loop until the end of the block."""
    made = StandIn(server, server.lab)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join()
        print(f"{made.rounds} rounds; last error: {made.error or 'none'}")  # noqa: T201 - pytest shows it


def requests(pod: Mapping[str, Any]) -> dict[str, float]:
    """Return what a pod requests of each resource."""
    return {key: sum(quantity(str(one[key])) for one in _containers(pod) if key in one) for key in _RESOURCES}


def _containers(pod: Mapping[str, Any]) -> list[dict[str, str]]:
    found = (one.get("resources", {}).get("requests", {}) for one in pod["spec"]["containers"])
    return [{key: str(value) for key, value in one.items() if key in _RESOURCES} for one in found]


def _placed(pod: Mapping[str, Any], rooms: Sequence[Room]) -> bool:
    for room in rooms:
        if room.fits(pod):
            room.take(pod)
            return True
    return False


def _rooms(nodes: Mapping[str, dict[str, Any]], pods: Sequence[dict[str, Any]]) -> dict[str, Room]:
    found = {}
    for name, node in nodes.items():
        free = {key: quantity(node["status"]["allocatable"][key]) for key in _RESOURCES}
        usable = _ready(node) and not node["spec"].get("taints") and not node["spec"].get("unschedulable")
        found[name] = Room(name, node["metadata"]["labels"], usable, free)
    for pod in pods:
        if (at := pod["spec"].get("nodeName")) in found:
            found[at].take(pod)
    return found


def _unneeded(
    node: Mapping[str, Any], nodes: Mapping[str, dict[str, Any]], pods: Sequence[dict[str, Any]]
) -> bool:
    """Return whether little of a node is requested, and its pods fit on the others."""
    name = node["metadata"]["name"]
    own = [
        one
        for one in pods
        if one["spec"].get("nodeName") == name
        and all(owner["kind"] != "DaemonSet" for owner in one["metadata"].get("ownerReferences", []))
    ]
    for key in _RESOURCES:
        if sum(requests(one)[key] for one in own) > IDLE * quantity(node["status"]["allocatable"][key]):
            return False
    others = [room for at, room in _rooms(nodes, pods).items() if at != name]
    return all(_placed(one, others) for one in own)


def _taints(node: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the taints of a node that new nodes of its group have too: no marks of its state."""
    return [one for one in node["spec"].get("taints", []) if not one["key"].startswith(_MARKS)]


def _ready(node: Mapping[str, Any]) -> bool:
    """Return whether a node is Ready, and its taints say so too: they follow the condition after a moment.

    A node in that moment is one that is being created; as a Ready one that takes no pods it would get a
    second one for them.
    """
    found = node["status"].get("conditions", [])
    marked = any(one["key"] in _UNREADY for one in node["spec"].get("taints", []))
    return not marked and any(one["type"] == "Ready" and one["status"] == "True" for one in found)


def _unschedulable(pod: Mapping[str, Any]) -> bool:
    found = pod["status"].get("conditions", [])
    return any(one["type"] == "PodScheduled" and one.get("reason") == "Unschedulable" for one in found)


def _kept(node: Mapping[str, Any]) -> bool:
    marks: Mapping[str, str] = node["metadata"].get("annotations", {})
    return marks.get("cluster-autoscaler.kubernetes.io/scale-down-disabled") == "true"
