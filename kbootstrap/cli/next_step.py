"""Suggests the next command after a change."""

from __future__ import annotations

from collections.abc import Sequence

from kbootstrap.cli.session import Session
from kbootstrap.core.programs import kubectl
from kbootstrap.engine.cluster_plan import ClusterPlan
from kbootstrap.kubeconfig.paths import entry_name


async def say_next_step(session: Session, plans: Sequence[ClusterPlan]) -> None:
    """Report the result, and suggest the next command."""
    changed = [plan for plan in plans if not plan.empty]
    if not session.human or not changed:
        return
    context = changed[0].context
    clusters = ", ".join(plan.context.cluster.name for plan in plans)
    if (await kubectl(session.runtime.runner)).path:
        # kubectl stays with the cluster that it was on, unless the provider's clusters are one person's.
        chosen = (
            ""
            if context.provider.traits.switches_context
            else f"--context {entry_name(context.spec.name, context.cluster.name)} "
        )
        following = f"kubectl {chosen}get nodes"
    else:
        following = f"kbootstrap status {context.spec.path}"
    session.say(f"{'Cluster' if len(plans) == 1 else 'Clusters'} {clusters}: up. Next: {following}")
