"""`kbootstrap rotate`: stages new tokens on the servers, then works like `apply` with another plan.

New tokens are staged beside the old ones on every server first. From then on any plan changes to them, so the
next run resumes an interrupted rotation, also when it is an `apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from kbootstrap.cluster.decide import rotation
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.events import phase
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.apply_cluster import apply_cluster
from kbootstrap.engine.changes import consent, keep_snapshot_tokens, stop_all_refused
from kbootstrap.engine.cluster_plan import ClusterPlan
from kbootstrap.engine.observe import Nodes
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.plan_document import document
from kbootstrap.engine.planning import planned
from kbootstrap.engine.rotation import settled, stage_tokens


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
    nodes = settled(plan, "tokens")
    facts = rotation.begin(nodes.facts, nodes.plan.members)
    return replace(plan, nodes=replace(nodes, facts=facts, plan=decide(nodes.desired, facts, nodes.api)))


def certificates(plan: ClusterPlan, within: int | None) -> ClusterPlan:
    """Return the plan that renews certificates, on nodes where one expires `within` days; pure.

    Raises as `tokens`.
    """
    nodes = settled(plan, "certificates")
    renewal: Plan = rotation.renewal(nodes.desired, nodes.facts, within, nodes.plan.members)
    return replace(plan, nodes=replace(nodes, plan=renewal))


async def carry_out(plan: ClusterPlan) -> Nodes:
    """Carry out such a plan, and write the kubeconfig again. Returns the nodes like `apply_cluster`."""
    nodes = plan.nodes
    if nodes and rotation.pending(nodes.facts):
        with phase(plan.context.runtime.emit, "tokens", plan.context.cluster.name):
            await stage_tokens(plan, nodes)
    return await apply_cluster(plan)
