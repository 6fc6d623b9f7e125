"""Replays a trace, from event to event: load changes, nodes become Ready, the autoscaler decides.

The simulation begins with `min` Ready nodes in every pool. Pods run on the least used node that they fit on.
When a workload shrinks, its waiting pods go first, then those on the newest nodes. Pods of a removed node
move at once.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kbootstrap.simulation.decisions import growth, idle
from kbootstrap.simulation.fleet import Fleet, Node
from kbootstrap.simulation.model import Delays, Group, Sample, SimulatedPool, Simulation, Wait
from kbootstrap.simulation.trace import Change, Trace

_EMPTY_AT_ONCE = 10
"""Nodes without pods that are removed together (Cluster Autoscaler, `--max-scale-down-parallelism`)."""


@dataclass(slots=True)
class _Pods:
    """Pods that wait for a node. `since` has, by workload, when how many began to wait, oldest first."""

    since: dict[int, deque[tuple[int, int]]] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)
    waited: int = 0
    seconds: int = 0
    longest: int = 0

    def begin(self, workload: int, pods: int, now: int) -> None:
        self.since.setdefault(workload, deque()).append((now, pods))
        self.counts[workload] += pods

    def started(self, workload: int, pods: int, now: int) -> None:
        """End the waiting of the pods that wait longest."""
        times = self.since[workload]
        while pods:
            since, number = times.popleft()
            ended = min(pods, number)
            if number > ended:
                times.appendleft((since, number - ended))
            self._end(workload, since, ended, now)
            pods -= ended

    def stopped(self, workload: int, pods: int, now: int) -> int:
        """Stop waiting pods, the newest first; return how many others must be stopped."""
        times = self.since.get(workload)
        while pods and times:
            since, number = times.pop()
            ended = min(pods, number)
            if number > ended:
                times.append((since, number - ended))
            self._end(workload, since, ended, now)
            pods -= ended
        return pods

    def finish(self, now: int) -> None:
        for workload, pods in list(self.counts.items()):
            self.started(workload, pods, now)

    def _end(self, workload: int, since: int, pods: int, now: int) -> None:
        self.counts[workload] -= pods
        if not self.counts[workload]:
            del self.counts[workload]
        self.waited += pods if now > since else 0
        self.seconds += pods * (now - since)
        self.longest = max(self.longest, now - since)


@dataclass(slots=True)
class _Run:
    fleet: Fleet
    delays: Delays
    pods: _Pods = field(default_factory=_Pods)
    desired: Counter[int] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    grown: int | None = None

    def load(self, change: Change, now: int) -> None:
        """Apply one change of the load."""
        difference = change.pods - self.desired[change.workload]
        self.desired[change.workload] = change.pods
        if difference > 0:
            self.pods.begin(change.workload, difference, now)
            return
        left = self.pods.stopped(change.workload, -difference, now)
        for node in reversed(self.fleet.nodes):
            number = min(left, node.pods.get(change.workload, 0))
            if number:
                self.fleet.put(node, change.workload, -number)
                left -= number

    def schedule(self, now: int) -> None:
        """Start waiting pods on Ready nodes."""
        if not self.pods.counts:
            return
        waiting = Counter(self.pods.counts)
        ready = (node for node in self.fleet.nodes if node.ready_at <= now)
        left = self.fleet.spread(waiting, ready)
        for workload, pods in waiting.items():
            self.pods.started(workload, pods - left[workload], now)

    def decide(self, now: int) -> int | None:
        """Grow or remove once; return the next time at which there is something to decide, if known."""
        option = growth(self.fleet, self.pods.counts, now)
        if option:
            for _ in range(option.nodes):
                self.fleet.add(option.group, now + self.delays.boot + self.delays.join)
            self.grown = now
            return now + self.delays.scan
        return self._shrink(now)

    def _shrink(self, now: int) -> int | None:
        unneeded = idle(self.fleet, now)
        for node in self.fleet.nodes:
            node.idle_since = (
                (now if node.idle_since is None else node.idle_since) if node in unneeded else None
            )
        settled = 0 if self.grown is None else self.grown + self.delays.settle
        due = {node.number: max(self._due(node), settled) for node in unneeded}
        ready = [node for node in unneeded if due[node.number] <= now]
        empty = [node for node in ready if not node.count][:_EMPTY_AT_ONCE]
        for node in empty or ready[:1]:
            self._drain(node, now)
        if ready:
            return now + self.delays.scan
        return min(due.values(), default=None)

    def _due(self, node: Node) -> int:
        pool = self.fleet.pools[self.fleet.groups[node.group].pool]
        return (node.idle_since or 0) + pool.idle

    def _drain(self, node: Node, now: int) -> None:
        others = [one for one in self.fleet.nodes if one is not node and one.ready_at <= now]
        self.fleet.remove(node)
        self.fleet.fill(node.pods, others)

    def record(self, now: int) -> None:
        """Keep the state, if it differs from the last one."""
        counts = Counter(node.group for node in self.fleet.nodes)
        sample = Sample(
            time=now,
            nodes=tuple(counts[group] for group in range(len(self.fleet.groups))),
            ready=sum(node.ready_at <= now for node in self.fleet.nodes),
            running=sum(node.count for node in self.fleet.nodes),
            pending=self.pods.counts.total(),
        )
        if self.samples and self.samples[-1].time == now:
            self.samples.pop()
        if not self.samples or replace(self.samples[-1], time=now) != sample:
            self.samples.append(sample)


def simulate(
    pools: Sequence[SimulatedPool], groups: Sequence[Group], trace: Trace, delays: Delays
) -> Simulation:
    """Return what the autoscaler does with the load of a trace."""
    run = _Run(Fleet(pools, groups, trace.workloads), delays)
    for pool in pools:
        for _ in range(pool.min):
            run.fleet.add(pool.groups[0], 0, static=True)
    changes = deque(trace.changes)
    now, decision = 0, 0
    while True:
        while changes and changes[0].time <= now:
            run.load(changes.popleft(), now)
        run.schedule(now)
        later: int | None = decision
        if now >= decision:
            later = run.decide(now)
        run.record(now)
        if now >= trace.end:
            break
        following = _next(run, changes, now, trace.end)
        # Whatever happens, the autoscaler looks at it at its next scan.
        scan = -(-following // delays.scan) * delays.scan
        decision = scan if later is None else min(max(later, now + 1), scan)
        decision = -(-decision // delays.scan) * delays.scan
        now = min(following, decision, trace.end)
    run.pods.finish(trace.end)
    return Simulation(
        pools=tuple(pools),
        groups=tuple(groups),
        samples=tuple(run.samples),
        end=trace.end,
        wait=Wait(run.pods.waited, run.pods.seconds, run.pods.longest),
        created=run.fleet.created,
        removed=run.fleet.removed,
        too_large=_too_large(run.fleet),
    )


def _next(run: _Run, changes: deque[Change], now: int, end: int) -> int:
    """Return the time of the next event: the load changes, a node becomes Ready, the end."""
    times = [node.ready_at for node in run.fleet.nodes if node.ready_at > now]
    return min([*times, changes[0].time if changes else end, end])


def _too_large(fleet: Fleet) -> tuple[str, ...]:
    return tuple(
        workload.name
        for index, workload in enumerate(fleet.workloads)
        if not any(fleet.fits(fleet.empty(group), index) for group in range(len(fleet.groups)))
    )
