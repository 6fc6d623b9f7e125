"""Carries maintenance out, node after node, while the cluster serves.

    cordon ─ drain ─ install updates ─┬─ hand over ─ reboot ─ serving ─┬─ Ready ─ uncordon ─ workloads ready
                                      └─ (no reboot required) ─────────┘

No node begins, and no machine is rebooted, after the window has ended. When a step fails before the reboot,
the node is uncordoned. The next run goes on with what an interrupted one left cordoned.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from kbootstrap.cluster.api.http import connect as connect_api
from kbootstrap.cluster.api.model import Api
from kbootstrap.cluster.converge import drain, upkeep
from kbootstrap.cluster.converge.hand_over import RESUME, hand_over
from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.converge.quorum import await_quorum
from kbootstrap.cluster.converge.readiness import await_ready
from kbootstrap.cluster.converge.reporting import StepReporter
from kbootstrap.cluster.converge.watch import NodeWatch
from kbootstrap.cluster.deadlines import COMMAND
from kbootstrap.cluster.decide.maintenance import NodeWork, batches, cordoned
from kbootstrap.cluster.decide.removal import NO_REMOVALS, Removal
from kbootstrap.cluster.observe.facts import gather
from kbootstrap.cluster.state.pods import Workloads
from kbootstrap.cluster.steps.base import Step
from kbootstrap.cluster.steps.maintenance import InstallUpdates, RebootMachine
from kbootstrap.cluster.steps.membership import HandOver, Uncordon, WaitReady, WaitWorkloads
from kbootstrap.cluster.steps.removal import Cordon, Drain
from kbootstrap.cluster.steps.service import WaitServing
from kbootstrap.core.concurrency import attempt_all
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import phase
from kbootstrap.engine import connect
from kbootstrap.engine.api_route import route_to_api
from kbootstrap.engine.context import Context
from kbootstrap.engine.kubeconfig import installed_kubeconfig
from kbootstrap.engine.maintenance import ClusterMaintenance, NodeResult
from kbootstrap.engine.observe import Nodes
from kbootstrap.engine.reboot import reboot, reconnect

WHY = "maintenance"


@dataclass
class RollingMaintenance:
    """One maintenance of a cluster.

    `outputs` are those of its machines; `seconds` is how long the pods of a node may take to leave it.
    Connections live as long as `stack`.
    """

    context: Context
    outputs: Mapping[str, Any]
    nodes: Nodes
    maintenance: ClusterMaintenance
    stack: AsyncExitStack
    seconds: float
    _hosts: dict[str, Any] = field(default_factory=dict, init=False)
    _api: Api | None = field(default=None, init=False)
    _results: dict[str, NodeResult] = field(default_factory=dict, init=False)

    async def carry_out(self) -> ClusterMaintenance:
        """Work on all nodes that need it; return what became of them. The first failure stops the rest.

        Raises what drains, waits and the package manager raise (KB085x, KB0866, KB0868), and `InstallFailed`
        (KB0858) where etcd would lose its quorum.
        """
        self._hosts = dict(self.nodes.hosts)
        works = {one.name: one for one in self.maintenance.works}
        order = batches(self.nodes.desired, self.maintenance.works, cordoned(self.nodes.plan))
        try:
            with phase(self.context.runtime.emit, "maintain", self.context.cluster.name):
                for batch in order:
                    if not self.maintenance.hours.open:
                        await self._leave(name for name in batch)
                        continue
                    await self._open(batch)
                    await self._batch([works[name] for name in batch])
        finally:
            await self._close_api()
        results = (self._results.get(name) or _idle(one) for name, one in works.items())
        return replace(self.maintenance, results=tuple(results))

    async def _batch(self, batch: Sequence[NodeWork]) -> None:
        """Work on some nodes at the same time; one that fails does not stop the others in the middle."""
        each = asyncio.Semaphore(len(batch))
        outcomes = await attempt_all((each, partial(self._node, one)) for one in batch)
        failures = [one for one in outcomes if isinstance(one, Exception)]
        for one in failures:
            if not isinstance(one, KbootstrapError):
                raise one
        if failures:
            raise failures[0]

    async def _node(self, work: NodeWork) -> None:
        name, moves = work.name, len(self.nodes.desired.nodes) > 1
        await await_quorum(name, self.nodes.plan.members, self._ready, "touched")
        if name not in self._held:
            with self._step(Cordon(node=name, why=WHY)):
                await drain.cordon(self._asked(), name)
        try:
            ran = await drain.workloads(self._asked(), name, stays=True)
            if moves:  # the pods of a single node have no other place
                with self._step(Drain(node=name, why=WHY)) as waiting:
                    await drain.drain(self._asked(), name, self.seconds, waiting)
            if work.packages:
                with self._step(
                    InstallUpdates(node=name, why=", ".join(work.packages), packages=work.packages)
                ):
                    await upkeep.install(self._hosts[name], work.packages)
            found = (await upkeep.look(self._hosts[name], updates=False)).upkeep
        except KbootstrapError:
            await self._give_back(name)
            raise
        rebooted = False
        if found.reboot and self.maintenance.how.reboot == "auto":
            rebooted = await self._reboot(work, ", ".join(found.packages) or "the machine requires it")
        await self._return(work, ran)
        waits = found.reboot and not rebooted
        self._results[name] = NodeResult(name, len(work.packages), rebooted, waits)

    async def _reboot(self, work: NodeWork, why: str) -> bool:
        """Reboot a machine, unless the window has ended meanwhile; return whether it was."""
        name, hours = work.name, self.maintenance.hours
        if not hours.open:
            return False
        if work.role == "server" and len(self.nodes.plan.members) > 1:
            with self._step(HandOver(node=name, why="no request fails while it reboots")):
                await hand_over(self._hosts[name], self.context.distribution)
            if not hours.open:  # that took some seconds
                await self._hosts[name].run(RESUME, deadline=COMMAND)
                return False
        with self._step(RebootMachine(node=name, why=why)) as waiting:
            host = await reboot(self.context, self.outputs, self._hosts[name], self.stack, waiting)
            self._hosts[name] = host
            others = await reconnect(self.context, self.nodes.inventory, name, self._hosts, self.stack)
            self._hosts.update(others)
        if work.role == "server":
            await self._close_api()  # its connections may lead through the machine
        return True

    async def _return(self, work: NodeWork, ran: Workloads) -> None:
        """Wait until a node serves as before, and let pods run there again."""
        name, distro = work.name, self.context.distribution
        unit, version = distro.unit(work.role), self.nodes.desired.version
        machine = NodeActions(self._hosts[name], self.nodes.desired, self.context.runtime.redactor)
        with self._step(WaitServing(node=name, why=WHY, unit=unit)) as waiting:
            await machine.serving(unit, waiting)
        facts = (await gather({name: self._hosts[name]}, distro))[name]
        if self._api is None:
            await self._open(())
        since = facts.unit(unit).since
        with self._step(WaitReady(node=name, why=WHY, unit=unit, version=version, since=since)):
            await await_ready(name, unit, version, watch=self._watch(), machine=machine, since=since)
        if name not in self._held:
            with self._step(Uncordon(node=name, why=WHY)):
                await drain.uncordon(self._asked(), name)
        with self._step(WaitWorkloads(node=name, why="they had to move")) as waiting:
            await drain.await_workloads(self._asked(), name, ran, waiting)

    async def _give_back(self, name: str) -> None:
        """Uncordon a node after a failure; if the API does not answer, the next run does it."""
        if name not in self._held:
            with (
                contextlib.suppress(KbootstrapError),
                self._step(Uncordon(node=name, why="it stays as it is")),
            ):
                await drain.uncordon(self._asked(), name)

    async def _leave(self, names: Iterator[str]) -> None:
        """Record nodes that are not begun any more, and uncordon those that an earlier run cordoned."""
        for name in names:
            self._results[name] = NodeResult(name, left=True)
            if name in cordoned(self.nodes.plan):
                await self._open(())
                await self._give_back(name)

    @property
    def _held(self) -> frozenset[str]:
        """The nodes that others cordoned: they stay so."""
        seen = self.nodes.api.nodes if self.nodes.api else {}
        return frozenset(name for name, one in seen.items() if one.unschedulable and not one.leaving)

    def _step(self, step: Step) -> contextlib.AbstractContextManager[Callable[[str], None]]:
        return StepReporter(self.context.cluster.name, self.context.runtime.emit).report(step)

    async def _open(self, away: Collection[str]) -> None:
        """Open the API by a route that does not lead through the nodes `away`."""
        await self._close_api()
        kubeconfig = installed_kubeconfig(self.context, self.nodes.kubeconfig)
        roles = {name: self.nodes.desired.node(name).role for name in away}
        removal = Removal({}, roles) if len(self.nodes.plan.members) > 1 else NO_REMOVALS
        way = route_to_api(self.context, self.nodes.inventory, self.nodes.facts, removal)
        endpoint = self.nodes.api_endpoint
        if (
            way != (self.nodes.inventory.external, self.nodes.inventory.jump)
            or self._hosts != self.nodes.hosts
        ):
            via = connect.connector(self.context)
            endpoint = await self.stack.enter_async_context(via.reach_endpoint(*way))
        self._api = connect_api(kubeconfig, endpoint)

    async def _close_api(self) -> None:
        api, self._api = self._api, None
        if api:
            await api.close()

    def _asked(self) -> Api:
        if self._api is None:
            raise RuntimeError("the API is not open")
        return self._api

    async def _ready(self, name: str) -> bool:
        node = await self._watch().node(name, fresh=True)
        return bool(node and node.ready)

    def _watch(self) -> NodeWatch:
        return NodeWatch(self._asked(), network=self.context.distribution.installs_network)


def _idle(work: NodeWork) -> NodeResult:
    return NodeResult(work.name, waits=work.reboot == "waits")
