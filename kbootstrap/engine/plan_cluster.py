"""Plans one cluster: its infrastructure with OpenTofu, its nodes from observed facts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from kbootstrap.cluster.decide.removal import NO_REMOVALS, Removal
from kbootstrap.core.errors import HostKeyChanged, HostUnreachable, WrongUsage
from kbootstrap.core.events import Event, Type, phase
from kbootstrap.engine.cluster_plan import ClusterPlan, forbidden, leaving
from kbootstrap.engine.context import Context
from kbootstrap.engine.downloads import Downloads
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.engine.observe import Nodes, observe_nodes, silent
from kbootstrap.engine.outputs import known_nodes, machines_in, missing_resources, state_lost, verify_owner
from kbootstrap.engine.preflight import PreflightRun
from kbootstrap.engine.prepare import never_created, prepare
from kbootstrap.plans.checks import (
    destroyed_network,
    disruptive_updates,
    machines_created,
    machines_made,
    replaced_nodes,
    tainted,
    unknown_to_state,
)
from kbootstrap.spec.topology import is_elastic
from kbootstrap.tofu.plan import PlanSummary
from kbootstrap.tofu.state import State


async def plan_cluster(
    context: Context, stack: AsyncExitStack, *, starting: bool = False, replace: Collection[str] = ()
) -> ClusterPlan:
    """Plan what `apply` would do. Changes only kbootstrap's own files and the node image.

    `starting`: what was found will be carried out, so machines that are shut off are started to look at them,
    and nodes that cannot be reached stop it, but where the infrastructure has something to do: that may be
    what brings them back. `replace` are nodes that get a new machine although the spec does not ask for it;
    those that are elastic, and pools as `CLUSTER/POOL`, leave instead.
    OpenTofu plans once, while nodes and infrastructure are asked, and again only for a reason that it cannot
    know (`_ask_all`, `_corrected`). What new machines need is asked for and obtained meanwhile.
    """
    cluster, emit = context.cluster.name, context.runtime.emit
    preflight, downloads = PreflightRun(context), Downloads(context)
    stack.push_async_callback(downloads.end)

    def begin_creating() -> None:
        preflight.begin()
        if starting:
            downloads.begin()

    try:
        with phase(emit, "prepare", cluster):
            if never_created(context):
                begin_creating()
            tofu = await preflight.beside(prepare(context, preflight.begin))
        with phase(emit, "plan", cluster):
            asking = _ask_all(
                context, tofu, stack, preflight, begin_creating, starting=starting, replaced=replace
            )
            asked = await _corrected(context, tofu, await asking)
            if machines_created(asked.summary):
                begin_creating()
            if asked.summary.of("create", "replace") or (asked.nodes and asked.nodes.plan.gives_secret):
                preflight.begin()
            if starting and asked.unseen and silent(asked.summary, asked.unseen):
                raise asked.unseen
            _verify_elastic(context, asked)
            made = await _combined(context, tofu, asked, stack, downloads)
            await preflight.passed()
            return made
    finally:
        await preflight.end()


@dataclass(frozen=True, slots=True)
class _Asked:
    """The answers of OpenTofu, infrastructure and nodes.

    `recreate` are machines (addresses) to be replaced although the spec does not ask for it. The others are
    as in `ClusterPlan`. `elastic` are words about elastic nodes that shall leave.
    """

    state: State
    recreate: frozenset[str]
    summary: PlanSummary
    gone: Mapping[str, str]
    nodes: Nodes | None = None
    unseen: HostUnreachable | None = None
    elastic: tuple[str, ...] = ()

    @property
    def known(self) -> Mapping[str, Any]:
        """The nodes of the outputs."""
        return known_nodes(self.state)


def _elastic(context: Context, replace: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which of the words are about elastic nodes, and the names of others."""
    names, cluster = {node.name for node in context.nodes}, context.cluster.name
    others = [one for one in replace if one not in names and ("/" in one or is_elastic(cluster, one))]
    return tuple(others), tuple(one for one in replace if one not in others)


def _verify_elastic(context: Context, asked: _Asked) -> None:
    """Raise `WrongUsage` for an elastic node that does not exist."""
    known = asked.nodes.elastic.machines if asked.nodes else {}
    missing = [name for name in asked.elastic if "/" not in name and name not in known]
    if missing:
        raise WrongUsage(
            f"cluster {context.cluster.name} has no elastic machine {', '.join(missing)}",
            hint=f"there are: {', '.join(known) or 'none'}",
        )


async def _ask_all(
    context: Context,
    tofu: Infrastructure,
    stack: AsyncExitStack,
    preflight: PreflightRun,
    begin_creating: Callable[[], None],
    *,
    starting: bool,
    replaced: Collection[str],
) -> _Asked:
    """Ask OpenTofu, the infrastructure and the nodes at the same time.

    OpenTofu plans again if resources are missing, to create them again. Errors of the infrastructure come
    before OpenTofu's, since they say more.
    """
    # kbootstrap reads the state first, and once: while OpenTofu works, it would have to wait.
    elastic, replaced = _elastic(context, replaced)
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(tofu.state())]
    try:
        if not replaced:
            tasks.append(asyncio.create_task(tofu.plan(tofu.planfile)))
        state: State = await tasks[0]
        verify_owner(context, state.outputs)
        if not state.outputs:
            begin_creating()
        recreate = frozenset(_machines(context, state, replaced))
        if replaced:
            tasks.append(asyncio.create_task(tofu.plan(tofu.planfile, replace=sorted(recreate))))
        planning, removal = tasks[1], leaving(context, known_nodes(state), replaced, elastic)
        looking = asyncio.create_task(look(context, state.outputs, stack, starting=starting, removal=removal))
        tasks.append(looking)
        gone = await missing_resources(context, state.outputs)
        if gone:
            await _stop(tasks)
            summary = await tofu.plan(tofu.planfile, replace=sorted({*recreate, *gone}))
            return _Asked(state, recreate, summary, gone, elastic=elastic)
        nodes, unseen = await looking
        await asyncio.wait({planning})
        if planning.exception():
            await preflight.passed()
        return _Asked(state, recreate, await planning, gone, nodes, unseen, elastic)
    finally:
        await _stop(tasks)


async def _stop(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _corrected(context: Context, tofu: Infrastructure, asked: _Asked) -> _Asked:
    """Return the answers, with another plan if kbootstrap knows facts that OpenTofu does not.

    Machines whose creation seemed to fail may have come up: they are kept, and observed over SSH like every
    other node. A machine that a change would stop in place is replaced instead, after its pods have moved.
    """
    recreate = {*asked.recreate, *asked.gone}
    for _ in range(2):
        summary = asked.summary
        doubted = {address: node for address, node in tainted(summary).items() if address not in recreate}
        names = {*doubted.values(), *(asked.known if summary.of("update") else ())}
        if not names:
            return asked
        unprovisioned = await context.unprovisioned(names)
        came_up = [address for address, node in doubted.items() if node not in unprovisioned]
        stopped = disruptive_updates(summary, unprovisioned)
        if not came_up and not stopped:
            return asked
        for address in came_up:
            await tofu.untaint(address)
            _report(context, f"{address} works after all: it is kept")
        for address in stopped:
            _report(context, f"{address} would be stopped by this change: it is replaced instead")
        recreate |= {*stopped}
        state = await tofu.state() if came_up else asked.state
        asked = replace(asked, state=state, summary=await tofu.plan(tofu.planfile, replace=sorted(recreate)))
    return asked


def _report(context: Context, why: str) -> None:
    """Report why OpenTofu plans again."""
    detail = f"OpenTofu plans again: {why}"
    context.runtime.emit(Event(type=Type.DIAGNOSTIC, cluster=context.cluster.name, detail=detail))


async def _combined(
    context: Context, tofu: Infrastructure, found: _Asked, stack: AsyncExitStack, downloads: Downloads
) -> ClusterPlan:
    """Return the plan of infrastructure and nodes, with refusals; raises if the state was lost."""
    gone, known, nodes, summary = found.gone, found.known, found.nodes, found.summary
    asked = {*machines_made(summary), *(known if destroyed_network(summary) else ())}
    unprovisioned = await context.unprovisioned(asked) if asked else frozenset()
    if lost := unknown_to_state(summary, gone, unprovisioned):
        raise state_lost(context, lost, others=[name for name in known if name not in lost])
    removal = leaving(context, known, replaced_nodes(summary, gone, unprovisioned), found.elastic)
    if nodes:
        removed = {**nodes.removal.removed, **removal.removed}
        nodes = nodes.replan(replace(nodes.removal, removed=removed, replaced=removal.replaced))
    problems = forbidden(context.spec, context.cluster, summary, known, unprovisioned, seen=nodes is not None)
    there = nodes.facts if nodes else known
    made_again = frozenset(machines_made(summary))  # a machine, not its keys
    new = tuple(n.name for n in context.nodes if n.name not in there or n.name in made_again)
    return ClusterPlan(
        context,
        tofu,
        found.state,
        summary,
        gone,
        nodes,
        new,
        stack,
        found.unseen,
        known,
        unprovisioned,
        problems,
        removal=removal,
        location=await context.location(),
        downloads=downloads,
    )


def _machines(context: Context, state: State, names: Collection[str]) -> tuple[str, ...]:
    """Return the HCL addresses of the machines of nodes; raises `WrongUsage` for a node without one."""
    if not names:
        return ()
    known, machines = known_nodes(state), machines_in(context, state)
    if unfinished := [name for name in names if name in machines and name not in known]:
        raise WrongUsage(
            f"the cluster of {', '.join(unfinished)} is not complete: OpenTofu was interrupted",
            hint=f"complete it first: kbootstrap apply {context.spec.path}",
        )
    if missing := [name for name in names if name not in known]:
        raise WrongUsage(
            f"there is no machine of node {', '.join(missing)}", hint=f"there are: {', '.join(known)}"
        )
    found = tuple(machines[name] for name in names if name in machines)
    if not found:
        raise WrongUsage(
            "these machines exist already, and kbootstrap cannot replace them",
            hint="reinstall the machine yourself; apply then adds it to the cluster again",
        )
    return found


async def look(
    context: Context,
    outputs: Mapping[str, Any],
    stack: AsyncExitStack,
    *,
    starting: bool,
    removal: Removal = NO_REMOVALS,
) -> tuple[Nodes | None, HostUnreachable | None]:
    """Return the nodes of the outputs, or why they could not be observed; raises for a changed host key."""
    try:
        seen = observe_nodes(context, outputs, stack, starting=starting, removal=removal) if outputs else None
        found = await seen if seen else None
    except HostKeyChanged:
        raise
    except HostUnreachable as error:
        return None, error
    return found, None
