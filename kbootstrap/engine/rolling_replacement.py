"""Removes nodes from a cluster and replaces machines, while the cluster serves.

    removed   cordon all ─ leave (servers one by one, then agents) ─ their machines go
    renewed   leave ─ new machine ─ install ─ Ready ─ what ran there is ready ─ the next ones

OpenTofu carries out a part of the plan at a time, by targets: never more than what was shown, and never a
machine that carries a node. The next run resumes an interrupted one from what it observes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from kbootstrap.cluster.api.http import connect as connect_api
from kbootstrap.cluster.api.model import Api
from kbootstrap.cluster.converge.drain import await_workloads, cordon, workloads
from kbootstrap.cluster.converge.removal import NodeRemover
from kbootstrap.cluster.converge.reporting import StepReporter
from kbootstrap.cluster.decide.order import Order, order
from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.pods import Workloads
from kbootstrap.cluster.steps.membership import WaitWorkloads
from kbootstrap.cluster.steps.removal import Cordon
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import InstallFailed, KbootstrapError, PlanMoved
from kbootstrap.core.events import phase
from kbootstrap.engine.context import Context
from kbootstrap.engine.elastic import delete_machine
from kbootstrap.engine.infrastructure import Infrastructure, carry_out, freeze_override
from kbootstrap.engine.install import install, verify_allowed
from kbootstrap.engine.kubeconfig import installed_kubeconfig
from kbootstrap.engine.observe import Nodes, observe_nodes, route_around_removed
from kbootstrap.plans.checks import affected_nodes, is_remainder, machines_of, resources_of
from kbootstrap.providers.model import OrphanPhase
from kbootstrap.tofu.plan import PlanSummary


@dataclass
class RollingReplacement:
    """One rolling replacement of a cluster's nodes.

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
    _cleared: set[str] = field(default_factory=set, init=False)

    async def carry_out(self) -> Nodes:
        """Remove and replace all nodes; return the nodes as observed last.

        Raises what `clear`, `depart`, `converge` and OpenTofu raise; then no further node is
        changed, and the nodes cordoned to follow are uncordoned.
        """
        cluster, emit = self.context.cluster.name, self.context.runtime.emit
        removed = self.nodes.removal.removed
        self.nodes = await route_around_removed(self.context, self.nodes, self.stack)
        try:
            if removed:
                with phase(emit, "remove", cluster):
                    await self._remove(removed)
            if self.nodes.removal.replaced:
                with phase(emit, "replace", cluster):
                    for batch in self._order().replaced:
                        await self._replace(batch)
        finally:
            await self._close_api()
        with phase(emit, "infrastructure", cluster):
            rest = await self.tofu.plan(self.tofu.planfile)
            if not rest.empty:
                await self._apply(rest)
        return self.nodes

    async def make_room(self, names: Collection[str]) -> None:
        """Remove elastic nodes and their machines before anything else: new nodes need their addresses."""
        try:
            with phase(self.context.runtime.emit, "remove", self.context.cluster.name):
                async with self._staying(names):
                    for name in names:
                        await self._depart(name)
        finally:
            await self._close_api()

    async def _remove(self, names: Collection[str]) -> None:
        leaving = self.nodes.plan.leaving
        cordoned = [name for name in names if any(isinstance(s, Cordon) for s in leaving.get(name, ()))]
        # All of them first: the pods of one must not move to the next.
        async with self._staying(names):
            await run_all(cordon(self._asked(), name) for name in cordoned)
            for some in self._order().removed:
                await run_all(map(self._depart, some))
        # Before the state forgets them: nothing would record what is left then.
        await self.context.provider.remove_orphans(
            self.context.provider_context, OrphanPhase.AFTER_REMOVAL, names=names
        )
        if targets := resources_of(self.planned, [*names]):
            made = await self.tofu.plan(self.tofu.planfile, targets=targets)
            if not affected_nodes(
                made, self.nodes.removal.replaced
            ):  # else they go in the end, with the rest
                await self._apply(made)

    async def _replace(self, batch: Sequence[str]) -> None:
        stays = [name for name in batch if self.nodes.plan.leaving.get(name)]
        ran = dict(zip(stays, await run_all(self._ran(name) for name in stays), strict=True))
        async with self._staying(batch):
            await run_all(map(self._depart, batch))
        await self._remake(batch)
        rest = {name: role for name, role in self.nodes.removal.replaced.items() if name not in batch}
        outputs = (await self.tofu.state()).outputs
        self.nodes = await observe_nodes(self.context, outputs, self.stack, removal=Removal({}, rest))
        await self._close_api()  # there may be another way to it now
        verify_allowed(self.context, self.nodes)
        await install(self.context, self.nodes)
        for name, before in ran.items():
            await self._settled(name, before)

    async def _remake(self, batch: Sequence[str]) -> None:
        """Replace the machines of these nodes, and no others.

        All of the plan, where the others are not concerned by it or can be frozen. Else the machines alone,
        and then what belongs to them: OpenTofu takes in what a target depends on, with all its instances.
        """
        planfile, machines = self.tofu.planfile, machines_of(self.planned, batch)
        waiting = self.nodes.removal.names - {*batch}
        made = await self.tofu.plan(planfile, replace=machines)
        if affected_nodes(made, waiting) and (
            frozen := await freeze_override(self.context, self.tofu, waiting)
        ):
            made = await self.tofu.plan(planfile, replace=machines, frozen=frozen)
        if not affected_nodes(made, waiting):
            await self._apply(made)
            return
        for targets, replaced in ((machines, machines), (resources_of(self.planned, batch), ())):
            made = await self.tofu.plan(planfile, targets=targets, replace=replaced)
            if found := affected_nodes(made, waiting):
                raise InstallFailed(
                    f"{', '.join(batch)} cannot be replaced without {', '.join(found)}",
                    hint="their machines were not changed: add a pool with another name and the new "
                    "settings, and remove this pool from the spec when the new one is Ready",
                    code="KB0859",
                )
            await self._apply(made)

    async def _settled(self, name: str, before: Workloads) -> None:
        """Wait until the workloads of a node run again, there or elsewhere."""
        step = WaitWorkloads(node=name, why="they had to move")
        with StepReporter(self.context.cluster.name, self.context.runtime.emit).report(step) as waiting:
            await await_workloads(self._asked(), name, before, waiting)

    async def _ran(self, name: str) -> Workloads:
        return await workloads(self._asked(), name, stays=False)

    async def _depart(self, name: str) -> None:
        context, steps = self.context, self.nodes.plan.leaving.get(name, ())
        remover = self._remover()
        await remover.clear(name, steps, seconds=self.seconds)
        self._cleared.add(name)  # from here on it goes, now or with the next run
        await remover.depart(name, steps, self.nodes.hosts.get(name))
        context.lease.leave(name)

    @asynccontextmanager
    async def _staying(self, names: Collection[str]) -> AsyncIterator[None]:
        """On a failure, uncordon the nodes that were to leave and whose removal has not begun."""
        try:
            yield
        except KbootstrapError:
            leaving = self.nodes.plan.leaving
            rest = {name: leaving.get(name, ()) for name in names if name not in self._cleared}
            await self._remover().give_back(rest)
            raise

    async def _apply(self, made: PlanSummary) -> None:
        """Apply a part of the plan; raises `PlanMoved` if it has changes that were not shown."""
        if not is_remainder(self.planned, made):
            raise PlanMoved(
                f"the infrastructure of cluster {self.context.cluster.name} now needs changes other than "
                "those that were shown",
                hint="none of them was made; run the same command again to see them",
                code="KB0421",
            )
        if not made.empty:
            await carry_out(self.context, self.tofu, made)

    def _remover(self) -> NodeRemover:
        context = self.context
        return NodeRemover(
            context.cluster.name,
            context.distribution,
            self._asked(),
            context.runtime.emit,
            partial(delete_machine, context),
        )

    def _order(self) -> Order:
        return order(self.nodes.removal, self.nodes.desired.nodes, self.nodes.plan.leaving)

    async def _close_api(self) -> None:
        """Close the connection to the API; the next request opens one."""
        api, self._api = self._api, None
        if api:
            await api.close()

    def _asked(self) -> Api:
        """Return the API, with the kubeconfig and the route that were observed last."""
        if self._api is None:
            kubeconfig = installed_kubeconfig(self.context, self.nodes.kubeconfig)
            self._api = connect_api(kubeconfig, self.nodes.api_endpoint)
        return self._api
