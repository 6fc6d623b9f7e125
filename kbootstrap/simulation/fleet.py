"""The nodes of a simulation, and where pods run on them."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kbootstrap.simulation.model import MOST_PODS, Group, SimulatedPool
from kbootstrap.simulation.quantities import Size
from kbootstrap.simulation.trace import Workload


@dataclass(slots=True, eq=False)
class Node:
    """One node. `pods` has the number of pods by workload; `idle_since` is None while it is needed."""

    number: int
    group: int
    ready_at: int
    static: bool
    cpu: int
    memory: int
    pods: Counter[int] = field(default_factory=Counter)
    count: int = 0
    idle_since: int | None = None

    def bare(self) -> Node:
        """Return a copy with the same room and no list of pods, to try what fits."""
        return Node(
            self.number, self.group, self.ready_at, self.static, self.cpu, self.memory, count=self.count
        )


@dataclass(slots=True)
class Fleet:
    """The pools and groups, the workloads of the trace, and the nodes that exist."""

    pools: Sequence[SimulatedPool]
    groups: Sequence[Group]
    workloads: Sequence[Workload]
    nodes: list[Node] = field(default_factory=list)
    created: int = 0
    removed: int = 0
    _sizes: Counter[int] = field(default_factory=Counter)
    _rank: dict[int, int] = field(init=False)
    _allowed: list[frozenset[int]] = field(init=False)

    def __post_init__(self) -> None:
        requests = [workload.request for workload in self.workloads]
        order = sorted(range(len(requests)), key=lambda one: (-requests[one].cpu, -requests[one].memory, one))
        self._rank = {workload: rank for rank, workload in enumerate(order)}
        self._allowed = [
            frozenset(one for one in order if self._allows(group.pool, one)) for group in self.groups
        ]

    def add(self, group: int, ready_at: int, *, static: bool = False) -> None:
        """Create a node."""
        self.nodes.append(self.empty(group, ready_at, static=static))
        self._sizes[self.groups[group].pool] += 1
        self.created += 1

    def empty(self, group: int, ready_at: int = 0, *, static: bool = False) -> Node:
        """Return a node without pods that does not exist yet."""
        room = self.groups[group].room
        return Node(self.created, group, ready_at, static, room.cpu, room.memory)

    def size(self, pool: int) -> int:
        """Return the number of nodes of a pool."""
        return self._sizes[pool]

    def remove(self, node: Node) -> None:
        """Delete a node whose pods have moved."""
        self.nodes.remove(node)
        self._sizes[self.groups[node.group].pool] -= 1
        self.removed += 1

    def fits(self, node: Node, workload: int) -> int:
        """Return how many more pods of a workload fit on a node."""
        if workload not in self._allowed[node.group]:
            return 0
        request, free = self.workloads[workload].request, MOST_PODS - node.count
        if request.cpu:
            free = min(free, node.cpu // request.cpu)
        if request.memory:
            free = min(free, node.memory // request.memory)
        return free

    def put(self, node: Node, workload: int, pods: int) -> None:
        """Start pods on a node; a negative number stops them."""
        request = self.workloads[workload].request
        node.cpu -= pods * request.cpu
        node.memory -= pods * request.memory
        node.count += pods
        node.pods[workload] += pods
        if not node.pods[workload]:
            del node.pods[workload]

    def used(self, node: Node) -> float:
        """Return the used share of a node: of processors or memory, whichever is larger."""
        room = self.groups[node.group].room
        cpu = 1 - node.cpu / room.cpu if room.cpu else 0.0
        memory = 1 - node.memory / room.memory if room.memory else 0.0
        return max(cpu, memory)

    def spread(self, pods: Mapping[int, int], nodes: Iterable[Node]) -> Counter[int]:
        """Start pods, the largest requests first, on the least used nodes; return those without a place."""
        left, least = Counter(pods), self._least(pods)
        free = [node for node in nodes if _has_room(node, least)]
        for workload in self._by_size(pods):
            heap = [(self.used(node), node.number, node) for node in free if self.fits(node, workload)]
            heapq.heapify(heap)
            while left[workload] and heap:
                _, number, node = heapq.heappop(heap)
                self.put(node, workload, 1)
                left[workload] -= 1
                if self.fits(node, workload):
                    heapq.heappush(heap, (self.used(node), number, node))
        return +left

    def fill(self, pods: Mapping[int, int], nodes: Iterable[Node]) -> Counter[int]:
        """Start pods, the largest requests first, on node after node; return those without a place."""
        left, least, waiting = Counter(pods), self._least(pods), self._by_size(pods)
        for node in nodes:
            if not waiting:
                break
            if not _has_room(node, least):
                continue
            for workload in waiting:
                if number := min(left[workload], self.fits(node, workload)):
                    self.put(node, workload, number)
                    left[workload] -= number
            waiting = [workload for workload in waiting if left[workload]]
        return +left

    def leftover(self, pods: Mapping[int, int], nodes: Iterable[Node]) -> Counter[int]:
        """Return the pods that `fill` would find no place for. Changes nothing."""
        return self.fill(pods, (node.bare() for node in nodes))

    def _allows(self, pool: int, workload: int) -> bool:
        wanted = self.workloads[workload].pool
        return self.pools[pool].name == wanted if wanted is not None else not self.pools[pool].reserved

    def _by_size(self, pods: Iterable[int]) -> list[int]:
        """Return workloads, those with the largest requests first."""
        return sorted(pods, key=self._rank.__getitem__)

    def _least(self, pods: Iterable[int]) -> Size:
        """Return the smallest requests of these workloads: on a node with less room none of them fits."""
        requests = [self.workloads[workload].request for workload in pods]
        return Size(
            min((one.cpu for one in requests), default=0), min((one.memory for one in requests), default=0)
        )


def _has_room(node: Node, least: Size) -> bool:
    return node.cpu >= least.cpu and node.memory >= least.memory and node.count < MOST_PODS
