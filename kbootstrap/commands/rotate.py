"""What `kbootstrap rotate` does with a cluster: what comes before an `apply` with another plan.

New tokens are laid beside the old ones on every server first. From then on any plan changes to them, so a run
that was cut is ended by the next one, also by `apply`.
"""

from __future__ import annotations

from dataclasses import replace

from kbootstrap.cluster.converge import rotation as renewing
from kbootstrap.cluster.converge.tokens import NEXT, Beside
from kbootstrap.cluster.decide import rotation
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.steps import Plan
from kbootstrap.cluster.observe.credentials import first_secret
from kbootstrap.cluster.snapshots.remote import read_bundle
from kbootstrap.commands import pipeline
from kbootstrap.commands.pipeline import ClusterPlan
from kbootstrap.core.errors import InstallFailed, PrerequisiteMissing
from kbootstrap.core.events import phase
from kbootstrap.engine.observe import Nodes


def tokens(planned: ClusterPlan) -> ClusterPlan:
    """Return the plan that changes the server's and the agents' token; pure.

    Raises `PrerequisiteMissing` (KB0888) where the cluster is not as the spec says. A rotation that was cut
    is gone on with, with the tokens of then.
    """
    nodes = _settled(planned, "tokens")
    facts = rotation.begin(nodes.facts, nodes.plan.members)
    return replace(planned, nodes=replace(nodes, facts=facts, plan=decide(nodes.wanted, facts, nodes.api)))


def certificates(planned: ClusterPlan, within: int | None) -> ClusterPlan:
    """Return the plan that makes certificates anew, on nodes where one runs out `within` days; pure.

    Raises as `tokens`.
    """
    nodes = _settled(planned, "certificates")
    plan: Plan = rotation.renewal(nodes.wanted, nodes.facts, within, nodes.plan.members)
    return replace(planned, nodes=replace(nodes, plan=plan))


async def carry_out(planned: ClusterPlan) -> Nodes:
    """Do what such a plan says, and write the kubeconfig again. Returns the nodes as `pipeline.apply`."""
    nodes = planned.nodes
    if nodes and rotation.pending(nodes.facts):
        with phase(planned.context.runtime.emit, "tokens", planned.context.cluster.name):
            await _lay(planned, nodes)
    return await pipeline.apply(planned)


async def _lay(planned: ClusterPlan, nodes: Nodes) -> None:
    """Put new tokens on every server, before anything is done with them; what lies there already stays."""
    context, redactor = planned.context, planned.context.runtime.redactor
    servers = [nodes.hosts[name] for name in nodes.plan.members]
    if Beside.read(await first_secret(servers, NEXT), redactor):
        return
    name = context.cluster.name
    found = [await read_bundle(host, context.distribution, name, redactor) for host in servers[:1]]
    if not found or found[0] is None:
        raise InstallFailed(
            f"no server of cluster {name} has the tokens that are in force",
            hint=f"look at {context.distribution.paths.server_token} on the servers",
            code="KB0818",
        )
    await renewing.lay(servers, Beside.make(found[0].server, found[0].agent, redactor))


def _settled(planned: ClusterPlan, what: str) -> Nodes:
    """Return the nodes of a cluster that needs nothing, or only the end of a rotation of its tokens."""
    nodes, name = planned.nodes, planned.context.cluster.name
    pipeline.stop_refused(planned)
    going_on = what == "tokens" and nodes is not None and rotation.pending(nodes.facts)
    if nodes is None or not planned.infrastructure.empty or not (planned.empty or going_on):
        raise PrerequisiteMissing(
            f"cluster {name} is not as the spec says, and {what} are rotated only where nothing else changes",
            hint=f"kbootstrap apply {planned.context.spec.path}, and then the same command again",
            detail=_left(planned),
            code="KB0888",
        )
    return nodes


def _left(planned: ClusterPlan) -> str | None:
    """Say what an apply would do, one line for each machine and node."""
    lines = [f"{one.kind} {one.address}" for one in planned.infrastructure.changes]
    steps = planned.nodes.plan.steps if planned.nodes else {}
    lines += [f"{name}: {', '.join(step.title for step in mine)}" for name, mine in steps.items()]
    return "\n".join(lines) or None
