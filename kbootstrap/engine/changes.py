"""Steps before and after a change: the confirmation, and storing the tokens of snapshots."""

from __future__ import annotations

from collections.abc import Sequence

from kbootstrap.core.errors import KbootstrapError, raise_failures
from kbootstrap.engine.cluster_plan import ClusterPlan, stop_refused
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import Nodes
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.snapshots import keep_tokens
from kbootstrap.plans.model import PlanDocument
from kbootstrap.plans.words import names


def stop_all_refused(plans: Sequence[ClusterPlan]) -> None:
    """Raise if plans must not be carried out, with the reasons of each cluster."""
    failures: dict[str, KbootstrapError] = {}
    for plan in plans:
        try:
            stop_refused(plan)
        except KbootstrapError as error:
            failures[plan.context.cluster.name] = error
    raise_failures(failures, len(plans))


async def consent(operator: Operator, shown: PlanDocument) -> None:
    """Ask for confirmation of the plans. Losing servers requires typing the cluster's name."""
    pending = [cluster for cluster in shown.clusters if not cluster.empty]
    for cluster in pending:
        if cluster.servers_lost:
            lost = names(cluster.servers_lost)
            await operator.ask(
                f"This removes machines of the control plane of {cluster.cluster}: {lost}. "
                "Type the cluster's name:",
                wanted=cluster.cluster,
            )
    if any(not cluster.servers_lost for cluster in pending):
        await operator.ask(f"Apply this to {', '.join(cluster.cluster for cluster in pending)}? Type yes:")


async def keep_snapshot_tokens(operator: Operator, context: Context, nodes: Nodes) -> None:
    """Store the tokens beside the snapshots; a bucket that does not answer only causes a warning."""
    try:
        await keep_tokens(context, nodes)
    except KbootstrapError as error:
        operator.say(
            f"Warning: the token of cluster {context.cluster.name} is not kept beside the snapshots: "
            f"{error.message}. {error.hint or ''}"
        )
