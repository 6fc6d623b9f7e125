"""What a rotation requires of a cluster, and the tokens that are staged before it."""

from __future__ import annotations

from kbootstrap.cluster.converge import rotation as renewing
from kbootstrap.cluster.converge.tokens import NEXT, StagedTokens
from kbootstrap.cluster.decide import rotation
from kbootstrap.cluster.observe.credentials import first_secret
from kbootstrap.cluster.snapshots.remote import read_bundle
from kbootstrap.core.errors import InstallFailed, PrerequisiteMissing
from kbootstrap.engine.cluster_plan import ClusterPlan, stop_refused
from kbootstrap.engine.observe import Nodes


def settled(plan: ClusterPlan, what: str) -> Nodes:
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


async def stage_tokens(plan: ClusterPlan, nodes: Nodes) -> None:
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
