"""`kbootstrap rotate`: stages new tokens on the servers, then works like `apply` with another plan.

New tokens are staged beside the old ones on every server first. From then on any plan changes to them, so the
next run resumes an interrupted rotation, also when it is an `apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from kbootstrap.cluster.converge import rotation as renewing
from kbootstrap.cluster.converge.tokens import NEXT, StagedTokens
from kbootstrap.cluster.decide import rotation
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.observe.credentials import first_secret
from kbootstrap.cluster.snapshots.remote import read_bundle
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import InstallFailed, PrerequisiteMissing
from kbootstrap.core.events import phase
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.apply_cluster import apply_cluster
from kbootstrap.engine.changes import consent, keep_snapshot_tokens, stop_all_refused
from kbootstrap.engine.cluster_plan import ClusterPlan, stop_refused
from kbootstrap.engine.observe import Nodes
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.plan_document import document
from kbootstrap.engine.planning import planned


async def rotate(
    spec: Path,
    clusters: Iterable[str],
    run: Runtime,
    operator: Operator,
    change: Callable[[ClusterPlan], ClusterPlan],
    *,
    yes: bool,
    unlock: Iterable[str] = (),
) -> tuple[ClusterPlan, ...]:
    """Plan the clusters, `change` the plans to a rotation (`tokens`, `certificates`), ask, and apply."""
    async with planned(spec, clusters, run, operator, changing=True, asking=not yes, unlock=unlock) as found:
        stop_all_refused(found)
        plans = tuple(map(change, found))
        shown = document(plans)
        operator.show_plan(shown)
        stop_all_refused(plans)
        if not yes and not shown.empty:
            await consent(operator, shown)
        for plan in plans:
            if not plan.empty:
                operator.begin()
            nodes = await carry_out(plan)
            await keep_snapshot_tokens(operator, plan.context, nodes)
        return plans


def tokens(plan: ClusterPlan) -> ClusterPlan:
    """Return the plan that changes the server's and the agents' token; pure.

    Raises `PrerequisiteMissing` (KB0888) where the cluster does not match the spec. An interrupted rotation
    is resumed with the tokens in use at that time.
    """
    nodes = _settled(plan, "tokens")
    facts = rotation.begin(nodes.facts, nodes.plan.members)
    return replace(plan, nodes=replace(nodes, facts=facts, plan=decide(nodes.wanted, facts, nodes.api)))


def certificates(plan: ClusterPlan, within: int | None) -> ClusterPlan:
    """Return the plan that renews certificates, on nodes where one expires `within` days; pure.

    Raises as `tokens`.
    """
    nodes = _settled(plan, "certificates")
    renewal: Plan = rotation.renewal(nodes.wanted, nodes.facts, within, nodes.plan.members)
    return replace(plan, nodes=replace(nodes, plan=renewal))


async def carry_out(plan: ClusterPlan) -> Nodes:
    """Carry out such a plan, and write the kubeconfig again. Returns the nodes like `apply_cluster`."""
    nodes = plan.nodes
    if nodes and rotation.pending(nodes.facts):
        with phase(plan.context.runtime.emit, "tokens", plan.context.cluster.name):
            await _stage_tokens(plan, nodes)
    return await apply_cluster(plan)


async def _stage_tokens(plan: ClusterPlan, nodes: Nodes) -> None:
    """Stage new tokens on every server before they are used; tokens that are already staged are kept."""
    context, redactor = plan.context, plan.context.runtime.redactor
    servers = [nodes.hosts[name] for name in nodes.plan.members]
    if StagedTokens.read(await first_secret(servers, NEXT), redactor):
        return
    name = context.cluster.name
    found = [await read_bundle(host, context.distribution, name, redactor) for host in servers[:1]]
    if not found or found[0] is None:
        raise InstallFailed(
            f"no server of cluster {name} has the current tokens",
            hint=f"look at {context.distribution.paths.server_token} on the servers",
            code="KB0818",
        )
    await renewing.stage_tokens(servers, StagedTokens.make(found[0].server, found[0].agent, redactor))


def _settled(plan: ClusterPlan, what: str) -> Nodes:
    """Return the nodes of a cluster that has no changes, or only those of an unfinished token rotation."""
    nodes, name = plan.nodes, plan.context.cluster.name
    stop_refused(plan)
    going_on = what == "tokens" and nodes is not None and rotation.pending(nodes.facts)
    if nodes is None or not plan.infrastructure.empty or not (plan.empty or going_on):
        raise PrerequisiteMissing(
            f"cluster {name} does not match the spec, and {what} are rotated only if nothing else changes",
            hint=f"kbootstrap apply {plan.context.spec.path}, and then the same command again",
            detail=_left(plan),
            code="KB0888",
        )
    return nodes


def _left(plan: ClusterPlan) -> str | None:
    """Return what an apply would do, one line for each machine and node."""
    lines = [f"{one.kind} {one.address}" for one in plan.infrastructure.changes]
    steps = plan.nodes.plan.steps if plan.nodes else {}
    lines += [f"{name}: {', '.join(step.title for step in mine)}" for name, mine in steps.items()]
    return "\n".join(lines) or None
