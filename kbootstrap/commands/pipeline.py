"""The table of contents: what each command does with a cluster of a spec, from top to bottom.

`cli/` calls these functions, shows what they return, and asks; nothing here prints or asks.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from kbootstrap.cluster.deadlines import DRAIN
from kbootstrap.cluster.decide.removal import NOBODY, Going
from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.core.errors import (
    HostKeyChanged,
    HostUnreachable,
    InstallFailed,
    SpecInvalid,
    TofuFailed,
    WrongUsage,
)
from kbootstrap.core.events import phase
from kbootstrap.core.resources import terraform_modules
from kbootstrap.distros.model import Role
from kbootstrap.engine.context import Context
from kbootstrap.engine.infrastructure import Infrastructure, carry_out, hold, sweep
from kbootstrap.engine.observe import GLANCE, Nodes, connector, see_nodes, silent
from kbootstrap.engine.observe import lock as lock_nodes
from kbootstrap.engine.prepare import (
    PLAN_FILE,
    entries,
    forget_destroy,
    install,
    keep_kubeconfig,
    made_outputs,
    node_files,
    note_destroy,
    prepare,
    refuse,
    state_lost,
    vanished,
    verify_owner,
    verify_there,
)
from kbootstrap.engine.rolling_replacement import Turnover
from kbootstrap.hosts.command import ssh_argv
from kbootstrap.kubeconfig.admin import write_own_copy
from kbootstrap.kubeconfig.remove import remove
from kbootstrap.plans.agreed import STALE, Agreed, moved
from kbootstrap.plans.checks import (
    buckets,
    carries_on,
    entangled,
    foundations,
    halted,
    harmless_parts,
    is_machine_address,
    lost_buckets,
    lost_volumes,
    machines_made,
    renewed,
    tainted,
    touched,
    undermined,
    unknown_to_state,
)
from kbootstrap.plans.checks import unseen as unseen_going
from kbootstrap.providers.model import Doomed
from kbootstrap.render.address import key
from kbootstrap.render.model import RenderedTree
from kbootstrap.render.tree import assemble, read_modules
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.tofu.plan import PlanSummary


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """Both halves of what `apply` would do to one cluster.

    `gone` are machines that vanished behind our back, each with the reason. `nodes` is None while no machine
    exists, while some must be made again first, or when they could not be reached: then `unseen` says why,
    and they are looked at again after the infrastructure has changed. `new` names the nodes that will be
    installed from nothing. `known` are the nodes of the outputs, `blank` those of the nodes concerned that
    carry nothing of a cluster. `going` are nodes that leave. `refusals` forbid the infrastructure's half.
    `agreed` has, for a plan that was saved, what was shown of the nodes.
    """

    context: Context
    tofu: Infrastructure
    infrastructure: PlanSummary
    gone: Mapping[str, str]
    nodes: Nodes | None
    new: tuple[str, ...]
    connections: AsyncExitStack
    unseen: HostUnreachable | None = None
    known: Mapping[str, Any] = field(default_factory=dict)
    blank: frozenset[str] = frozenset()
    refusals: tuple[Diagnostic, ...] = ()
    agreed: Agreed | None = None
    going: Going = NOBODY

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.infrastructure.empty and not self.new and self.nodes is not None and self.nodes.plan.empty


def render(contexts: Iterable[Context]) -> RenderedTree:
    """Return everything that is reviewed: HCL, its modules, and the configuration of every node; pure."""
    chosen = tuple(contexts)
    return assemble(
        chosen[0].spec.path.name,
        {one.cluster.name: one.root() for one in chosen},
        read_modules(terraform_modules()),
        {one.cluster.name: node_files(one) for one in chosen},
    )


async def pin(chosen: Sequence[Context], *, upgrade: bool = False) -> tuple[Context, ...]:
    """Return the contexts with a lock in which everything is pinned for all of them; nothing is written.

    With `upgrade` what is pinned already is looked up again.
    """
    lock = chosen[0].lock
    for one in chosen:
        lock = await one.provider.pin(one.spec, one.cluster, lock, one.around, upgrade=upgrade)
    return tuple(replace(one, lock=lock) for one in chosen)


async def plan(
    context: Context, stack: AsyncExitStack, *, starting: bool = False, renew: Collection[str] = ()
) -> ClusterPlan:
    """Find out what `apply` would do. Changes nothing but our own files and the node image.

    `starting`: what was found will be carried out, so machines that are shut off are started to look at them,
    and nodes that cannot be reached stop it, but where the infrastructure has something to do: that may be
    what brings them back. `renew` are nodes that get a new machine although the spec does not ask for it.
    """
    cluster, emit = context.cluster.name, context.runtime.emit
    with phase(emit, "prepare", cluster):
        tofu = await prepare(context)
        outputs = await tofu.outputs()
        verify_owner(context, outputs)
        gone = await vanished(context, outputs)
        known: Mapping[str, Any] = outputs.get("kbootstrap", {}).get("nodes", {})
        remade = {*gone, *await _machines(tofu, renew, known)}
    with phase(emit, "plan", cluster):
        making = asyncio.create_task(tofu.plan(tofu.root / PLAN_FILE, replace=sorted(remade)))
        going = leaving(context, known, renew)
        try:
            nodes, unseen = await look(
                context, {} if gone else outputs, stack, starting=starting, going=going
            )
            summary = await making
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
    summary = await _came_up(context, tofu, summary, remade)
    if halting := halted(summary, await context.blank(known) if summary.of("update") else ()):
        summary = await tofu.plan(tofu.root / PLAN_FILE, replace=sorted({*remade, *halting}))
    if starting and unseen and silent(summary, unseen):
        raise unseen
    asked = {*machines_made(summary), *(known if foundations(summary) else ())}
    blank = await context.blank(asked) if asked else frozenset()
    if lost := unknown_to_state(summary, gone, blank):
        raise state_lost(context, lost, others=[name for name in known if name not in lost])
    going = leaving(context, known, renewed(summary, gone, blank))
    if nodes:
        removed = {**nodes.going.removed, **going.removed}
        nodes = nodes.again(replace(nodes.going, removed=removed, renewed=going.renewed))
    problems = forbidden(context.spec, context.cluster, summary, known, blank, seen=nodes is not None)
    there = nodes.facts if nodes else known
    made_again = frozenset(machines_made(summary))  # a machine, not its keys
    new = tuple(n.name for n in context.nodes if n.name not in there or n.name in made_again)
    return ClusterPlan(
        context, tofu, summary, gone, nodes, new, stack, unseen, known, blank, problems, going=going
    )


def leaving(context: Context, known: Mapping[str, Any], renew: Collection[str]) -> Going:
    """Return the nodes that the state knows and the spec does not want, and those to `renew`; pure."""
    wanted = {node.name for node in context.nodes}
    roles: dict[str, Role] = {
        name: "server" if node.get("role") == "server" else "agent" for name, node in known.items()
    }
    return Going(
        {name: role for name, role in roles.items() if name not in wanted},
        {name: roles[name] for name in renew if name in roles and name in wanted},
    )


async def _machines(tofu: Infrastructure, names: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the HCL addresses of the machines of nodes; raises `WrongUsage` for a node without one."""
    if not names:
        return ()
    if missing := [name for name in names if name not in known]:
        raise WrongUsage(
            f"there is no machine of node {', '.join(missing)}", hint=f"there are: {', '.join(known)}"
        )
    found = tuple(a for a in await tofu.state_list() if is_machine_address(a) and key(a) in names)
    if not found:
        raise WrongUsage(
            "these machines exist, and kbootstrap cannot make new ones in their place",
            hint="install the machine anew yourself; apply then takes it into the cluster again",
        )
    return found


def forbidden(
    spec: Spec,
    cluster: Cluster,
    summary: PlanSummary,
    known: Collection[str],
    blank: Collection[str],
    *,
    seen: bool,
) -> tuple[Diagnostic, ...]:
    """Return why the infrastructure's half must not be carried out; pure.

    `known` are the nodes of the state, `blank` those that carry nothing of a cluster; `seen` tells whether
    the nodes could be looked at.
    """
    carrying = [name for name in known if name not in blank]
    return (
        *(() if seen else unseen_going(cluster.name, summary, blank, spec.source)),
        *undermined(cluster.name, summary, carrying, spec.source),
        *lost_volumes(cluster.name, summary, spec.source),
        *lost_buckets(cluster.name, summary, spec.source),
        *entangled(cluster.name, summary, blank, spec.source),
    )


def stop_refused(planned: ClusterPlan) -> None:
    """Raise where the plan must not be carried out: `SpecInvalid`, or `InstallFailed` for its nodes."""
    if planned.refusals:
        name = planned.context.cluster.name
        raise SpecInvalid(f"cluster {name} cannot be changed like that", diagnostics=planned.refusals)
    if planned.nodes:
        refuse(planned.context, planned.nodes)


async def _came_up(
    context: Context, tofu: Infrastructure, summary: PlanSummary, gone: Collection[str]
) -> PlanSummary:
    """Return the plan without replacing machines that came up although making them seemed to fail.

    What is on them is seen over SSH, like on every other node.
    """
    doubted = tainted(summary)
    if not doubted:
        return summary
    blank = await context.blank(doubted.values())
    there = [address for address, name in doubted.items() if name not in blank and address not in gone]
    if not there:
        return summary
    for address in there:
        await tofu.untaint(address)
    return await tofu.plan(tofu.root / PLAN_FILE, replace=sorted(gone))


async def look(
    context: Context,
    outputs: Mapping[str, Any],
    stack: AsyncExitStack,
    *,
    starting: bool,
    going: Going = NOBODY,
) -> tuple[Nodes | None, HostUnreachable | None]:
    """Return the nodes of the outputs, or why they could not be seen; a changed host key is raised."""
    try:
        seen = see_nodes(context, outputs, stack, starting=starting, going=going) if outputs else None
        found = await seen if seen else None
    except HostKeyChanged:
        raise
    except HostUnreachable as error:
        return None, error
    return found, None


async def apply(planned: ClusterPlan, *, drain: float = DRAIN) -> Nodes:
    """Carry a plan out: infrastructure, nodes, who goes, kubeconfig. Returns the nodes as they are then.

    `drain` is how long (seconds) the pods of a node may take to leave it.
    """
    stop_refused(planned)
    context, emit, cluster = planned.context, planned.context.runtime.emit, planned.context.cluster.name
    context.space.start()
    nodes = planned.nodes
    if not planned.infrastructure.empty or nodes is None:
        with phase(emit, "infrastructure", cluster):
            if not planned.infrastructure.empty:
                forget_destroy(context.space)
                await lock_nodes(context, await planned.tofu.outputs(), planned.connections)
                await _change(planned)
        nodes = await see_nodes(
            context, await planned.tofu.outputs(), planned.connections, going=planned.going
        )
        if planned.agreed:
            planned.agreed.verify(cluster, nodes.plan)
    refuse(context, nodes)
    text = await install(context, nodes)
    if nodes.going.names:
        nodes = await Turnover(
            context, planned.tofu, planned.infrastructure, nodes, planned.connections, drain
        ).carry_out()
    if text is None:
        raise InstallFailed(f"no server of cluster {cluster} has a kubeconfig", hint="run apply again")
    # A run with nothing to do leaves the operator where they are: perhaps on another cluster by now.
    first = not context.space.kubeconfig.exists()
    switch = context.provider.switches_context and (first or not planned.empty)
    keep_kubeconfig(context, text, nodes.inventory.external, switch=switch)
    return nodes


async def _change(planned: ClusterPlan) -> None:
    """Carry the infrastructure's half out; where nodes go, only what belongs to none of them."""
    context, tofu, summary = planned.context, planned.tofu, planned.infrastructure
    planfile = tofu.root / PLAN_FILE
    try:
        if planned.going.names:
            held = await hold(context, tofu, planfile, planned.going.renewed)
            for targets in harmless_parts(summary, planned.going.names):
                part = await tofu.plan(planfile, targets=targets, replace=sorted(planned.gone), held=held)
                if not carries_on(summary, part):
                    raise moved([f"the infrastructure of cluster {context.cluster.name} needs other changes"])
                if not touched(part, planned.going.names):
                    await carry_out(context, tofu, planfile, part)
                    return
            return
        await carry_out(context, tofu, planfile, summary)
    except TofuFailed as error:
        if error.code == STALE and planned.agreed:
            raise moved([f"the state of cluster {context.cluster.name} changed"]) from error
        raise


async def doomed(context: Context) -> Doomed:
    """Return what `destroy` would remove; changes nothing."""
    return await context.provider.doomed(context.spec, context.cluster, context.around)


async def destroy(
    context: Context, stack: AsyncExitStack, *, beginning: Callable[[], None], with_buckets: bool = False
) -> tuple[str, ...]:
    """Remove the cluster and everything that was made for it, also what no state knows.

    `beginning` is called right before the first thing is removed, and after a look whether it is there at
    all: other credentials show an empty cloud, in which everything seems to be removed already. Returns the
    names of buckets that stay, which is all of them unless `with_buckets`; also those that a destroy which
    did not come to its end has let go.
    """
    emit, cluster = context.runtime.emit, context.cluster.name
    with phase(emit, "prepare", cluster):
        tofu = await prepare(context, making=False)
        outputs = await tofu.outputs()
        await verify_there(context, outputs)
        await lock_nodes(context, outputs, stack)
        found = {address: key(address) or address for address in buckets(await tofu.state_list())}
        kept = () if with_buckets else tuple(found)
    beginning()
    with phase(emit, "destroy", cluster):
        await context.provider.release(context.spec, context.cluster, context.around)
        await sweep(context, tofu)
        stay = note_destroy(context.space, found.values(), leaving=not with_buckets)
        if kept:
            await tofu.forget(kept)
        context.lease.verify()
        await tofu.destroy()
        context.lease.forget()  # with the machines that kept it
        await context.provider.cleanup(context.spec, context.cluster, context.around)
    with phase(emit, "kubeconfig", cluster):
        await asyncio.to_thread(remove, *entries(context))
        # The root goes last: should anything above fail, the state is still there.
        for folder in (context.space.run, context.space.root):
            shutil.rmtree(folder, ignore_errors=True)
    return tuple(sorted(stay))


async def kubeconfig(context: Context, stack: AsyncExitStack, *, merge: bool) -> str:
    """Return the admin kubeconfig as operators use it; keep our copy of it, and with `merge` theirs."""
    nodes = await see_nodes(context, await made_outputs(context), stack, tolerant=True)
    if nodes.kubeconfig is None:
        raise HostUnreachable(
            f"no server of cluster {context.cluster.name} could give its kubeconfig",
            hint=f"'kbootstrap status {context.spec.path}' shows what is wrong",
        )
    if merge:
        switch = context.provider.switches_context
        keep_kubeconfig(context, nodes.kubeconfig, nodes.inventory.external, switch=switch)
    else:
        _, name = entries(context)
        write_own_copy(context.space.kubeconfig, nodes.kubeconfig, name, nodes.inventory.external)
    return context.space.kubeconfig.read_text(encoding="utf-8")


async def ssh_command(contexts: Iterable[Context], node: str, command: Sequence[str]) -> list[str]:
    """Return the OpenSSH command line for a node.

    Connects once before: that pins the host key where it is not pinned yet, and its errors say more.
    """
    for context in contexts:
        if node in {wanted.name for wanted in context.nodes}:
            inventory = await context.provider.inventory(
                context.cluster, await made_outputs(context), context.around, starting=False
            )
            if node in inventory.absent:
                raise inventory.absent[node]
            if node not in inventory.machines:
                raise HostUnreachable(
                    f"{node} has not been made yet", hint=f"kbootstrap apply {context.spec.path}", host=node
                )
            machine = inventory.machines[node]
            host = await connector(context).connect(machine, deadline=GLANCE)
            await host.close()
            return ssh_argv(machine.ssh, context.space.known_hosts, command)
    names = ", ".join(wanted.name for context in contexts for wanted in context.nodes)
    raise WrongUsage(f"there is no node '{node}'", hint=f"there are: {names}")
