"""`kbootstrap plan`: shows and saves what `apply` would do; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from kbootstrap.core.errors import raise_failures
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.bundle import use_bundle, verify_cached
from kbootstrap.engine.changes import stop_all_refused
from kbootstrap.engine.observe import silent
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.plan_document import document
from kbootstrap.engine.planning import planned
from kbootstrap.engine.saved_plan import save
from kbootstrap.plans import saved
from kbootstrap.plans.model import PlanDocument
from kbootstrap.plans.words import headline


async def plan(
    spec: Path,
    clusters: Iterable[str],
    run: Runtime,
    operator: Operator,
    *,
    show: Callable[[PlanDocument], None],
    out: Path | None = None,
    bundle: Path | None = None,
) -> PlanDocument:
    """Plan the clusters and show the plan; with `out`, save it to that file.

    With a `bundle` nothing is fetched from elsewhere. Raises what forbids the plan, and `HostUnreachable` for
    nodes that nothing in the plan brings back; then nothing is saved.
    """
    if bundle:
        run = await use_bundle(bundle, spec, clusters, run)
    async with planned(spec, clusters, run, operator) as plans:
        if bundle:
            verify_cached(plans)
        shown = document(plans)
        show(shown)
        stop_all_refused(plans)
        unseen = {
            one.context.cluster.name: one.unseen
            for one in plans
            if one.unseen and silent(one.infrastructure, one.unseen)
        }
        raise_failures(unseen, len(plans))
        if out:
            saved.write(out, save(plans, spec, headline(shown)))
            operator.say(
                f"Saved as {out}; it can contain secrets. To apply exactly this plan: kbootstrap apply {out}"
            )
        return shown
