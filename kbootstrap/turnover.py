"""Takes nodes out of a cluster, and puts new machines in their place, while the cluster serves.

    removed   cordon all ─ leave (servers one by one, then agents) ─ their machines go
    renewed   leave ─ new machine ─ install ─ Ready ─ what ran there is ready ─ the next ones

OpenTofu carries out a part of the plan at a time, by targets: never more than what was shown, and never a
machine that carries a node. What is cut anywhere is gone on with by the next run, from what is there then.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from kbootstrap.cluster.api import Api
from kbootstrap.cluster.api import connect as connect_api
from kbootstrap.cluster.depart import depart
from kbootstrap.cluster.drain import await_workloads, cordon, workloads
from kbootstrap.cluster.going import Going
from kbootstrap.cluster.pods import Workloads
from kbootstrap.cluster.steps import Cordon, WaitWorkloads
from kbootstrap.cluster.telling import Teller
from kbootstrap.cluster.together import together
from kbootstrap.context import Context
from kbootstrap.errors import InstallFailed, PlanMoved
from kbootstrap.events import phase
from kbootstrap.guard import belongings, carries_on, machines_of, touched
from kbootstrap.infrastructure import Infrastructure, carry_out
from kbootstrap.stages import PLAN_FILE, install, refuse
from kbootstrap.survey import Nodes, see_nodes
from kbootstrap.tofu.plan import PlanSummary

T = TypeVar("T")
_AT_ONCE = 4
"""Agents that leave for good at the same time: their pods need room on those that stay."""


@dataclass
class Turnover:
    """One turnover of a cluster's nodes.

    `planned` is all that may be done to the infrastructure, `seconds` how long the pods of a node may take to
    leave. Connections live as long as `stack`.
    """

    context: Context
    tofu: Infrastructure
    planned: PlanSummary
    nodes: Nodes
    stack: AsyncExitStack
    seconds: float
    _api: Api | None = field(default=None, init=False)

    async def carry_out(self) -> Nodes:
        """Do all of it; return the nodes as they were found last.

        Raises what `depart`, `converge` and OpenTofu raise; then no further node has been touched.
        """
        cluster, emit = self.context.cluster.name, self.context.runtime.emit
        removed = self.nodes.going.removed
        try:
            if removed:
                with phase(emit, "remove", cluster):
                    await self._remove(removed)
            if self.nodes.going.renewed:
                with phase(emit, "replace", cluster):
                    for batch in self._batches(self.nodes.going.renewed):
                        await self._renew(batch)
        finally:
            if self._api:
                await self._api.close()
        with phase(emit, "infrastructure", cluster):
            rest = await self.tofu.plan(self.tofu.root / PLAN_FILE)
            if not rest.empty:
                await self._apply(rest)
        return self.nodes

    async def _remove(self, names: Mapping[str, str]) -> None:
        leaving = self.nodes.plan.leaving
        cordoned = [name for name in names if any(isinstance(s, Cordon) for s in leaving.get(name, ()))]
        # All of them first: the pods of one must not move to the next.
        await together(cordon(self._asked(), name) for name in cordoned)
        servers = [name for name in names if names[name] == "server"]
        for name in servers:
            await self._depart(name)
        for some in _chunks([name for name in names if name not in servers], _AT_ONCE):
            await together(map(self._depart, some))
        # Before the state forgets them: what is left then, nobody would know of any more.
        await self.context.provider.discard(self.context.cluster, names, self.context.around)
        if targets := belongings(self.planned, [*names]):
            made = await self.tofu.plan(self.tofu.root / PLAN_FILE, targets=targets)
            if not touched(made, self.nodes.going.renewed):  # else they go in the end, with the rest
                await self._apply(made)

    async def _renew(self, batch: Sequence[str]) -> None:
        stays = [name for name in batch if self.nodes.plan.leaving.get(name)]
        ran = dict(zip(stays, await together(self._ran(name) for name in stays), strict=True))
        await together(map(self._depart, batch))
        await self._remake(batch)
        rest = {name: role for name, role in self.nodes.going.renewed.items() if name not in batch}
        self.nodes = await see_nodes(
            self.context, await self.tofu.outputs(), self.stack, going=Going({}, rest)
        )
        refuse(self.context, self.nodes)
        await install(self.context, self.nodes)
        for name, before in ran.items():
            await self._settled(name, before)

    async def _remake(self, batch: Sequence[str]) -> None:
        """Have the machines of these nodes made anew, and no other one's.

        All of the plan, where the others are not concerned by it. Else the machines alone, and then what
        belongs to them: OpenTofu takes in what a target depends on, with all its instances.
        """
        planfile, machines = self.tofu.root / PLAN_FILE, machines_of(self.planned, batch)
        waiting = self.nodes.going.names - {*batch}
        made = await self.tofu.plan(planfile, replace=machines)
        if not touched(made, waiting):
            await self._apply(made)
            return
        for targets, replaced in ((machines, machines), (belongings(self.planned, batch), ())):
            made = await self.tofu.plan(planfile, targets=targets, replace=replaced)
            if found := touched(made, waiting):
                raise InstallFailed(
                    f"{', '.join(batch)} cannot get a new machine without {', '.join(found)}",
                    hint="nothing was done to their machines: add a pool of another name with what is new, "
                    "and take this one out of the spec when that one is Ready",
                    code="KB0859",
                )
            await self._apply(made)

    async def _settled(self, name: str, before: Workloads) -> None:
        """Wait until what ran on a node runs again, there or elsewhere."""
        step = WaitWorkloads(node=name, why="they had to move")
        with Teller(self.context.cluster.name, self.context.runtime.emit).told(step) as waiting:
            await await_workloads(self._asked(), name, before, waiting)

    async def _ran(self, name: str) -> Workloads:
        return await workloads(self._asked(), name, stays=False)

    async def _depart(self, name: str) -> None:
        context = self.context
        await depart(
            name,
            self.nodes.plan.leaving.get(name, ()),
            self._asked(),
            self.nodes.hosts.get(name),
            cluster=context.cluster.name,
            distro=context.distribution,
            seconds=self.seconds,
            emit=context.runtime.emit,
        )
        context.lease.leave(name)

    async def _apply(self, made: PlanSummary) -> None:
        """Carry out a part of the plan; raise `PlanMoved` where it would do what nobody was shown."""
        if not carries_on(self.planned, made):
            raise PlanMoved(
                f"the infrastructure of cluster {self.context.cluster.name} now needs other changes than "
                "those that were shown",
                hint="nothing of them was done; run the same command again to see them",
                code="KB0421",
            )
        if not made.empty:
            await carry_out(self.context, self.tofu, self.tofu.root / PLAN_FILE, made)

    def _batches(self, renewed: Mapping[str, str]) -> list[list[str]]:
        """Return who is renewed together: servers alone, agents of a pool as many as may be away at once."""
        servers = [[name] for name in renewed if renewed[name] == "server"]
        agents = [node for node in self.nodes.wanted.nodes if node.name in renewed and node.role == "agent"]
        pools = itertools.groupby(agents, lambda node: node.pool)
        grouped = [list(found) for _, found in pools]
        return servers + [
            [node.name for node in some] for found in grouped for some in _chunks(found, found[0].at_once)
        ]

    def _asked(self) -> Api:
        """Return the API; the one of the first kubeconfig that was seen."""
        if self._api is None:
            if self.nodes.kubeconfig is None:
                raise InstallFailed(
                    f"no server of cluster {self.context.cluster.name} has a kubeconfig",
                    hint="run apply again",
                )
            self._api = connect_api(self.nodes.kubeconfig, self.nodes.door)
        return self._api


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[begin : begin + size] for begin in range(0, len(items), max(1, size))]
