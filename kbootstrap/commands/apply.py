"""`kbootstrap apply`: makes the clusters match the spec, or carries out exactly a saved plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.apply_cluster import apply_cluster
from kbootstrap.engine.bundle import use_bundle, verify_cached
from kbootstrap.engine.changes import consent, keep_snapshot_tokens, stop_all_refused
from kbootstrap.engine.cluster_plan import ClusterPlan
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.plan_document import document
from kbootstrap.engine.planning import planned, restored
from kbootstrap.engine.side_by_side import side_by_side
from kbootstrap.plans.saved import Saved


@dataclass(frozen=True, slots=True)
class Applied:
    """The plans that were carried out; `changed`: there was something to do."""

    plans: tuple[ClusterPlan, ...]
    changed: bool


async def apply(
    spec: Path,
    clusters: Iterable[str],
    run: Runtime,
    operator: Operator,
    *,
    yes: bool,
    drain: float,
    unlock: Iterable[str] = (),
    saved: Saved | None = None,
    bundle: Path | None = None,
) -> Applied:
    """Plan, show the plan, ask, and change the clusters side by side.

    With a `saved` plan exactly that is done, without a question. `drain` is how long (seconds) the pods of a
    node may take to leave it. With a `bundle` nothing is fetched from elsewhere. `unlock` are clusters whose
    lock is taken from the run that holds it. Nothing is changed if there is a cluster without a plan. After
    that, a failure of one cluster does not stop the others.
    """
    if bundle:
        named = [one.name for one in saved.clusters] if saved else clusters
        run = await use_bundle(bundle, Path(saved.spec) if saved else spec, named, run)
    asking = not yes and saved is None
    async with (
        restored(saved, run, operator, unlock)
        if saved
        else planned(spec, clusters, run, operator, changing=True, asking=asking, unlock=unlock)
    ) as plans:
        if bundle:
            verify_cached(plans)
        shown = document(plans)
        operator.show_plan(shown, empty=False)
        stop_all_refused(plans)
        if asking and not shown.empty:
            await consent(operator, shown)

        async def carry_out(plan: ClusterPlan) -> None:
            if not plan.empty:
                operator.begin()
            nodes = await apply_cluster(plan, drain=drain)
            await keep_snapshot_tokens(operator, plan.context, nodes)

        outcomes = await side_by_side((plan.context, partial(carry_out, plan)) for plan in plans)
        outcomes.raise_failures(done=True)
        return Applied(plans, not shown.empty)
