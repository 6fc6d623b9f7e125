"""Plans one cluster: its infrastructure with OpenTofu, its nodes from observed facts."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from kbootstrap.cluster.decide.removal import NO_REMOVALS, Removal
from kbootstrap.core.errors import HostKeyChanged, HostUnreachable, WrongUsage
from kbootstrap.core.events import Event, Type, phase
from kbootstrap.engine.cluster_plan import ClusterPlan, forbidden, leaving
from kbootstrap.engine.context import Context
from kbootstrap.engine.infrastructure import Infrastructure
from kbootstrap.engine.observe import Nodes, observe_nodes, silent
from kbootstrap.engine.outputs import missing_resources, state_lost, verify_owner
from kbootstrap.engine.prepare import prepare
from kbootstrap.plans.checks import (
    destroyed_network,
    disruptive_updates,
    machines_made,
    replaced_nodes,
    tainted,
    unknown_to_state,
)
from kbootstrap.render.address import key
from kbootstrap.tofu.plan import PlanSummary


async def plan_cluster(
    context: Context, stack: AsyncExitStack, *, starting: bool = False, replace: Collection[str] = ()
) -> ClusterPlan:
    """Plan what `apply` would do. Changes only kbootstrap's own files and the node image.

    `starting`: what was found will be carried out, so machines that are shut off are started to look at them,
    and nodes that cannot be reached stop it, but where the infrastructure has something to do: that may be
    what brings them back. `replace` are nodes that get a new machine although the spec does not ask for it;
    those that are elastic, and pools as `CLUSTER/POOL`, leave instead.
    OpenTofu plans once, and again only for a reason that it cannot know (`_corrected`).
    """
    cluster, emit = context.cluster.name, context.runtime.emit
    with phase(emit, "prepare", cluster):
        tofu = await prepare(context)
        outputs = await tofu.outputs()
        verify_owner(context, outputs)
        gone = await missing_resources(context, outputs)
        known: Mapping[str, Any] = outputs.get("kbootstrap", {}).get("nodes", {})
        asked, replace = _elastic(context, replace)
        recreate = {*gone, *await _machines(context, tofu, replace, known)}
    with phase(emit, "plan", cluster):
        planning = asyncio.create_task(tofu.plan(tofu.planfile, replace=sorted(recreate)))
        removal = leaving(context, known, replace, asked)
        try:
            nodes, unseen = await look(
                context, {} if gone else outputs, stack, starting=starting, removal=removal
            )
            summary = await planning
        finally:
            planning.cancel()
            await asyncio.gather(planning, return_exceptions=True)
    summary = await _corrected(context, tofu, summary, recreate, known)
    if starting and unseen and silent(summary, unseen):
        raise unseen
    _verify_elastic(context, asked, nodes)
    return await _combined(context, tofu, summary, gone, known, nodes, unseen, stack)


def _elastic(context: Context, replace: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which of the words are about elastic nodes, and the names of others."""
    names = {node.name for node in context.nodes}
    return tuple(one for one in replace if one not in names), tuple(one for one in replace if one in names)


def _verify_elastic(context: Context, asked: Collection[str], nodes: Nodes | None) -> None:
    """Raise `WrongUsage` for an elastic node that does not exist."""
    known = nodes.elastic.machines if nodes else {}
    missing = [name for name in asked if "/" not in name and name not in known]
    if missing:
        raise WrongUsage(
            f"cluster {context.cluster.name} has no elastic machine {', '.join(missing)}",
            hint=f"there are: {', '.join(known) or 'none'}",
        )


async def _corrected(
    context: Context,
    tofu: Infrastructure,
    summary: PlanSummary,
    recreate: Collection[str],
    known: Collection[str],
) -> PlanSummary:
    """Return the plan, planned again if kbootstrap knows facts that OpenTofu does not.

    Machines whose creation seemed to fail may have come up: they are kept, and observed over SSH like every
    other node. A machine that a change would stop in place is replaced instead, after its pods have moved.
    """
    for _ in range(2):
        doubted = {address: node for address, node in tainted(summary).items() if address not in recreate}
        asked = {*doubted.values(), *(known if summary.of("update") else ())}
        if not asked:
            return summary
        blank = await context.unprovisioned(asked)
        came_up = [address for address, node in doubted.items() if node not in blank]
        stopped = disruptive_updates(summary, blank)
        if not came_up and not stopped:
            return summary
        for address in came_up:
            await tofu.untaint(address)
            _report(context, f"{address} works after all: it is kept")
        for address in stopped:
            _report(context, f"{address} would be stopped by this change: it is replaced instead")
        recreate = {*recreate, *stopped}
        summary = await tofu.plan(tofu.planfile, replace=sorted(recreate))
    return summary


def _report(context: Context, why: str) -> None:
    """Report why OpenTofu plans again."""
    detail = f"OpenTofu plans again: {why}"
    context.runtime.emit(Event(type=Type.DIAGNOSTIC, cluster=context.cluster.name, detail=detail))


async def _combined(
    context: Context,
    tofu: Infrastructure,
    summary: PlanSummary,
    gone: Mapping[str, str],
    known: Mapping[str, Any],
    nodes: Nodes | None,
    unseen: HostUnreachable | None,
    stack: AsyncExitStack,
) -> ClusterPlan:
    """Return the plan of infrastructure and nodes, with refusals; raises if the state was lost."""
    asked = {*machines_made(summary), *(known if destroyed_network(summary) else ())}
    blank = await context.unprovisioned(asked) if asked else frozenset()
    if lost := unknown_to_state(summary, gone, blank):
        raise state_lost(context, lost, others=[name for name in known if name not in lost])
    asked_elastic = nodes.removal.asked if nodes else ()
    removal = leaving(context, known, replaced_nodes(summary, gone, blank), asked_elastic)
    if nodes:
        removed = {**nodes.removal.removed, **removal.removed}
        nodes = nodes.replan(replace(nodes.removal, removed=removed, replaced=removal.replaced))
    problems = forbidden(context.spec, context.cluster, summary, known, blank, seen=nodes is not None)
    there = nodes.facts if nodes else known
    made_again = frozenset(machines_made(summary))  # a machine, not its keys
    new = tuple(n.name for n in context.nodes if n.name not in there or n.name in made_again)
    return ClusterPlan(
        context,
        tofu,
        summary,
        gone,
        nodes,
        new,
        stack,
        unseen,
        known,
        blank,
        problems,
        removal=removal,
        location=await context.location(),
    )


async def _machines(
    context: Context, tofu: Infrastructure, names: Collection[str], known: Collection[str]
) -> tuple[str, ...]:
    """Return the HCL addresses of the machines of nodes; raises `WrongUsage` for a node without one."""
    if not names:
        return ()
    if missing := [name for name in names if name not in known]:
        raise WrongUsage(
            f"there is no machine of node {', '.join(missing)}", hint=f"there are: {', '.join(known)}"
        )
    traits = context.provider.traits.resources
    found = tuple(a for a in await tofu.state_list() if traits.is_machine(a) and key(a) in names)
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
