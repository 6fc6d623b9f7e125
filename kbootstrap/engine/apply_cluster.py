"""Carries out the plan of one cluster: infrastructure, nodes, rolling replacement, kubeconfig."""

from __future__ import annotations

from kbootstrap.cluster.deadlines import DRAIN
from kbootstrap.core.events import phase
from kbootstrap.engine.autoscaler_pods import finish_removal
from kbootstrap.engine.cluster_plan import ClusterPlan, stale_is_moved, stop_refused
from kbootstrap.engine.connect import lock as lock_nodes
from kbootstrap.engine.destroy_record import forget_destroy
from kbootstrap.engine.infrastructure import carry_out, freeze_override
from kbootstrap.engine.install import install, verify_allowed
from kbootstrap.engine.kubeconfig import installed_kubeconfig, keep_kubeconfig
from kbootstrap.engine.observe import Nodes, observe_nodes
from kbootstrap.engine.overlap import create_cluster, overlaps
from kbootstrap.engine.prepare import accepts_unencrypted
from kbootstrap.engine.rolling_replacement import RollingReplacement
from kbootstrap.plans.agreed import moved
from kbootstrap.plans.checks import affected_nodes, is_remainder, unaffecting_targets


async def apply_cluster(planned: ClusterPlan, *, drain: float = DRAIN) -> Nodes:
    """Carry out a plan: infrastructure, nodes, removals, kubeconfig. Returns the nodes observed last.

    `drain` is how long (seconds) the pods of a node may take to leave it.
    """
    stop_refused(planned)
    context = planned.context
    context.space.start()
    if planned.nodes and planned.nodes.elastic.first:
        await RollingReplacement(
            context, planned.tofu, planned.infrastructure, planned.nodes, planned.connections, drain
        ).make_room(sorted(planned.nodes.elastic.first))
    if overlaps(planned):
        forget_destroy(context.space)
        nodes, text = await create_cluster(planned) or await _install(planned, await _observe(planned))
    else:
        nodes, text = await _install(planned, await _infrastructure(planned))
    carried_out = nodes.plan
    if nodes.removal.names:
        nodes = await RollingReplacement(
            context, planned.tofu, planned.infrastructure, nodes, planned.connections, drain
        ).carry_out()
    await finish_removal(carried_out, nodes)
    text = installed_kubeconfig(context, text)
    # A run with nothing to do leaves the operator where they are: perhaps on another cluster by now.
    first = not context.space.kubeconfig.exists()
    switch = context.provider.traits.switches_context and (first or not planned.empty)
    keep_kubeconfig(context, text, nodes.inventory.external, switch=switch)
    return nodes


async def _infrastructure(planned: ClusterPlan) -> Nodes:
    """Carry out the infrastructure's part; return the nodes, observed again if there was one."""
    context, nodes = planned.context, planned.nodes
    if not planned.infrastructure.empty or nodes is None:
        with phase(context.runtime.emit, "infrastructure", context.cluster.name):
            if not planned.infrastructure.empty:
                forget_destroy(context.space)
                await lock_nodes(context, planned.state.outputs, planned.connections)
                with stale_is_moved(planned):
                    await _change(planned)
            nodes = await _observe(planned)
    if planned.infrastructure.empty and accepts_unencrypted(context):
        await _encrypt_state(planned)
    return nodes


async def _observe(planned: ClusterPlan) -> Nodes:
    context, outputs = planned.context, (await planned.tofu.state()).outputs
    nodes = await observe_nodes(context, outputs, planned.connections, removal=planned.removal)
    if planned.agreed:
        planned.agreed.verify(context.cluster.name, nodes.plan)
    return nodes


async def _install(planned: ClusterPlan, nodes: Nodes) -> tuple[Nodes, str | None]:
    verify_allowed(planned.context, nodes)
    return nodes, await install(planned.context, nodes, planned.downloads)


async def _encrypt_state(planned: ClusterPlan) -> None:
    """Write the state again, encrypted: OpenTofu writes it when it applies a plan, even an empty one."""
    tofu = planned.tofu
    made = await tofu.plan(tofu.planfile)
    if made.empty:
        await carry_out(planned.context, tofu, made)


async def _change(planned: ClusterPlan) -> None:
    """Apply the infrastructure's part of the plan; if nodes leave, only what affects none of them."""
    context, tofu, summary = planned.context, planned.tofu, planned.infrastructure
    if not planned.removal.names:
        await carry_out(context, tofu, summary)
        return
    frozen = await freeze_override(context, tofu, planned.removal.replaced)
    for targets in unaffecting_targets(summary, planned.removal.names):
        part = await tofu.plan(tofu.planfile, targets=targets, replace=sorted(planned.gone), frozen=frozen)
        if not is_remainder(summary, part):
            raise moved([f"the infrastructure of cluster {context.cluster.name} needs other changes"])
        if not affected_nodes(part, planned.removal.names):
            await carry_out(context, tofu, part)
            return
