"""What maintenance a cluster needs: the window, the nodes, and what is to be done on each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from kbootstrap.cluster.converge.reporting import StepReporter
from kbootstrap.cluster.converge.upkeep import Found, look
from kbootstrap.cluster.decide.maintenance import NodeWork, before, repairs, work
from kbootstrap.cluster.steps.maintenance import LookForUpdates
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import Declined, InstallFailed, PrerequisiteMissing
from kbootstrap.core.events import phase
from kbootstrap.engine.cluster_plan import ClusterPlan, stop_refused
from kbootstrap.engine.install import install
from kbootstrap.engine.observe import Nodes
from kbootstrap.spec.maintenance import Maintenance, MaintenanceWindow

Now = Callable[[], datetime]
"""Returns the time, in any zone."""


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Hours:
    """When the machines of a cluster may be touched. `anyhow`: a person is present and answers for it."""

    window: MaintenanceWindow | None
    anyhow: bool = False
    now: Now = utc_now

    @property
    def open(self) -> bool:
        """Whether work may begin, and machines may be rebooted, now."""
        return self.anyhow or self.window is None or self.window.open_until(self.now()) is not None

    def closed(self, cluster: str) -> Declined:
        """Return the refusal outside of the window. ValueError without a window."""
        if self.window is None:
            raise ValueError("there is no window")
        begin = self.window.next_begin(self.now())
        return Declined(
            f"cluster {cluster} is outside of its maintenance window ({self.window})",
            hint=f"the next window begins {begin:%A %Y-%m-%d %H:%M %Z}; --dry-run shows what is pending, and "
            "--now begins at once, reboots included: stay with it",
            code="KB0867",
        )


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What became of one node.

    `waits`: its machine still has to be rebooted; `left`: the window ended before anything was begun there.
    """

    name: str
    updated: int = 0
    rebooted: bool = False
    waits: bool = False
    left: bool = False


@dataclass(frozen=True, slots=True)
class ClusterMaintenance:
    """The maintenance of one cluster. `results` are None while nothing was carried out."""

    name: str
    how: Maintenance
    hours: Hours
    works: tuple[NodeWork, ...]
    results: tuple[NodeResult, ...] | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not any(one.acts for one in self.works)

    @property
    def unknown(self) -> tuple[NodeWork, ...]:
        """The nodes of which nothing is known."""
        return tuple(one for one in self.works if one.unknown)

    def failure(self) -> InstallFailed | None:
        """Return the error to end with when all other nodes are done, if nodes could not be looked at."""
        if not self.unknown:
            return None
        names = ", ".join(one.name for one in self.unknown)
        return InstallFailed(
            f"cluster {self.name}: whether these nodes need updates is unknown: {names}",
            hint="they have no apt-get: update them by hand, or use Debian or Ubuntu",
            code="KB0848",
            host=self.unknown[0].name,
        )


def settled(plan: ClusterPlan) -> Nodes:
    """Return the nodes of a cluster that matches its spec, but for what an interrupted maintenance left."""
    nodes, name = plan.nodes, plan.context.cluster.name
    stop_refused(plan)
    if nodes is None or plan.new or not plan.infrastructure.empty or not repairs(nodes.plan):
        steps = nodes.plan.steps if nodes else {}
        raise PrerequisiteMissing(
            f"cluster {name} does not match the spec, and machines are maintained only if nothing else "
            "changes",
            hint=f"kbootstrap apply {plan.context.spec.path}, and then the same command again",
            detail="\n".join(
                f"{one}: {', '.join(step.title for step in mine)}" for one, mine in steps.items()
            )
            or None,
            code="KB0869",
        )
    return nodes


async def look_at(plan: ClusterPlan, nodes: Nodes, hours: Hours) -> ClusterMaintenance:
    """Return what is to be done, after all machines have fetched their package lists."""
    context, how = plan.context, plan.context.cluster.maintenance
    if how is None:
        raise ValueError(f"cluster {context.cluster.name} has no maintenance")
    names = [node.name for node in nodes.desired.nodes if node.name not in nodes.elastic.machines]
    names = [name for name in names if name in nodes.hosts]
    reporter = StepReporter(context.cluster.name, context.runtime.emit)

    async def one(name: str) -> Found:
        with reporter.report(LookForUpdates(node=name, why="the spec has maintenance")):
            return await look(nodes.hosts[name], updates=how.os_updates == "security")

    with phase(context.runtime.emit, "updates", context.cluster.name):
        found = await run_all(map(one, names))
    pending = {name: one.upkeep for name, one in zip(names, found, strict=True)}
    return ClusterMaintenance(context.cluster.name, how, hours, work(nodes.desired, how, pending))


async def settle(plan: ClusterPlan, nodes: Nodes, works: tuple[NodeWork, ...]) -> None:
    """Complete what an interrupted run left: wait for nodes, uncordon those that need nothing more."""
    first = before(nodes.plan, works)
    if first:
        await install(plan.context, replace(nodes, plan=replace(nodes.plan, steps=first)))
