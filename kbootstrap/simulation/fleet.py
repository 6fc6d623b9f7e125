"""The nodes of a simulation, and where pods run on them."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kbootstrap.simulation.model import MOST_PODS, Group, SimulatedPool
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


@dataclass(slots=True)
class Fleet:
    """The pools and groups, the workloads of the trace, and the nodes that exist."""

    pools: Sequence[SimulatedPool]
    groups: Sequence[Group]
    workloads: Sequence[Workload]
    nodes: list[Node] = field(default_factory=list)
    created: int = 0
    removed: int = 0

    def add(self, group: int, ready_at: int, *, static: bool = False) -> None:
        """Create a node."""
        self.nodes.append(self.empty(group, ready_at, static=static))
        self.created += 1

    def empty(self, group: int, ready_at: int = 0, *, static: bool = False) -> Node:
        """Return a node without pods that does not exist yet."""
        room = self.groups[group].room
        return Node(self.created, group, ready_at, static, room.cpu, room.memory)

    def size(self, pool: int) -> int:
        """Return the number of nodes of a pool."""
        return sum(self.groups[node.group].pool == pool for node in self.nodes)

    def remove(self, node: Node) -> None:
        """Delete a node whose pods have moved."""
        self.nodes.remove(node)
        self.removed += 1

    def allows(self, group: int, workload: int) -> bool:
        """Return whether pods of a workload may run on nodes of a group, however large they are."""
        pool, wanted = self.pools[self.groups[group].pool], self.workloads[workload].pool
        return pool.name == wanted if wanted is not None else not pool.reserved

    def fits(self, node: Node, workload: int) -> int:
        """Return how many more pods of a workload fit on a node."""
        return self._fits(node.group, workload, node.cpu, node.memory, node.count)

    def _fits(self, group: int, workload: int, cpu: int, memory: int, count: int) -> int:
        if not self.allows(group, workload):
            return 0
        request = self.workloads[workload].request
        free = MOST_PODS - count
        if request.cpu:
            free = min(free, cpu // request.cpu)
        if request.memory:
            free = min(free, memory // request.memory)
        return max(free, 0)

    def leftover(self, pods: Mapping[int, int], nodes: Iterable[Node]) -> Counter[int]:
        """Return the pods that would find no place on nodes; `fill` places all others. Changes nothing."""
        left = Counter(pods)
        for node in nodes:
            if not left:
                break
            cpu, memory, count = node.cpu, node.memory, node.count
            for workload in self.by_size(left):
                number = min(left[workload], self._fits(node.group, workload, cpu, memory, count))
                request = self.workloads[workload].request
                cpu, memory, count = (
                    cpu - number * request.cpu,
                    memory - number * request.memory,
                    count + number,
                )
                left[workload] -= number
            left = +left
        return left

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

    def spread(self, workload: int, pods: int, nodes: Iterable[Node]) -> int:
        """Start pods one after the other on the least used node; return how many found no place."""
        heap = [(self.used(node), node.number, node) for node in nodes if self.fits(node, workload)]
        heapq.heapify(heap)
        while pods and heap:
            _, number, node = heapq.heappop(heap)
            self.put(node, workload, 1)
            pods -= 1
            if self.fits(node, workload):
                heapq.heappush(heap, (self.used(node), number, node))
        return pods

    def fill(self, pods: Mapping[int, int], nodes: Iterable[Node]) -> Counter[int]:
        """Start pods on nodes, the largest requests first; return those that found no place."""
        left = Counter(pods)
        for node in nodes:
            for workload in self.by_size(left):
                number = min(left[workload], self.fits(node, workload))
                if number:
                    self.put(node, workload, number)
                    left[workload] -= number
            left = +left
        return left

    def by_size(self, pods: Collection[int]) -> list[int]:
        """Return workloads, those with the largest requests first."""
        requests = {one: self.workloads[one].request for one in pods}
        return sorted(requests, key=lambda one: (-requests[one].cpu, -requests[one].memory, one))
