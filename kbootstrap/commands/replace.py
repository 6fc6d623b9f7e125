"""`kbootstrap replace`: gives nodes a new machine, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.apply_cluster import apply_cluster
from kbootstrap.engine.changes import consent, stop_all_refused
from kbootstrap.engine.cluster_plan import ClusterPlan
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.plan_document import document
from kbootstrap.engine.planning import planned


async def replace(
    spec: Path,
    nodes: Sequence[str],
    run: Runtime,
    operator: Operator,
    *,
    yes: bool,
    drain: float,
    unlock: Iterable[str] = (),
) -> tuple[ClusterPlan, ...]:
    """Plan, show the plan, ask, and replace the machines; `nodes` are names, or pools as `CLUSTER/POOL`.

    `drain` is how long (seconds) the pods of a node may take to leave it.
    """
    async with planned(
        spec, (), run, operator, changing=True, asking=not yes, replace=nodes, unlock=unlock
    ) as plans:
        shown = document(plans)
        operator.show_plan(shown)
        stop_all_refused(plans)
        if not yes:
            await consent(operator, shown)
        for plan in plans:
            operator.begin()
            await apply_cluster(plan, drain=drain)
        return plans
