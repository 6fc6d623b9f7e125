"""`kbootstrap maintain`: installs updates of the operating system and reboots machines, node after node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from kbootstrap.core.errors import Declined, KbootstrapError, WrongUsage, raise_failures
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.changes import stop_all_refused
from kbootstrap.engine.cluster_plan import ClusterPlan
from kbootstrap.engine.maintenance import (
    ClusterMaintenance,
    Hours,
    Now,
    look_at,
    settle,
    settled,
    utc_now,
)
from kbootstrap.engine.observe import Nodes
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.planning import planned
from kbootstrap.engine.rolling_maintenance import RollingMaintenance
from kbootstrap.engine.side_by_side import side_by_side
from kbootstrap.engine.spec import choose, read_spec
from kbootstrap.spec.model import Cluster

Show = Callable[[Sequence[ClusterMaintenance]], None]
"""Shows what is to be done, or what was done."""


async def maintain(
    spec: Path,
    clusters: Iterable[str],
    run: Runtime,
    operator: Operator,
    show: Show,
    *,
    yes: bool,
    anyhow: bool,
    dry_run: bool,
    drain: float,
    unlock: Iterable[str] = (),
    now: Now = utc_now,
) -> tuple[ClusterMaintenance, ...]:
    """Look at the machines, show what is to be done, ask, and carry it out; return what became of it.

    `anyhow`: also outside of the windows. Raises `Declined` (KB0867) outside of all of them, and at the end
    `InstallFailed` (KB0848) where nodes could not be looked at.
    """
    found = read_spec(spec)
    hours = {
        cluster.name: Hours(cluster.maintenance.window, anyhow or dry_run, now)
        for cluster in _concerned(choose(found, clusters))
        if cluster.maintenance
    }
    names = _open(hours, operator)
    asking = not (yes or dry_run)
    if asking:
        operator.must_ask(
            f"kbootstrap maintain --dry-run {spec} shows what is pending; -y begins without a question"
        )
    async with planned(spec, names, run, operator, changing=not dry_run, unlock=unlock) as plans:
        stop_all_refused(plans)
        nodes = {plan.context.cluster.name: settled(plan) for plan in plans}
        looks = await side_by_side((plan.context, partial(_look, plan, nodes, hours)) for plan in plans)
        looks.raise_failures()
        works = tuple(looks.results.values())
        show(works)
        if dry_run:
            return works
        if asking and any(not one.empty for one in works):
            pending = ", ".join(one.name for one in works if not one.empty)
            await operator.ask(f"Carry this out on {pending}? Type yes:")
        return await _all(plans, nodes, looks.results, operator, show, drain)


async def _all(
    plans: Sequence[ClusterPlan],
    nodes: dict[str, Nodes],
    works: dict[str, ClusterMaintenance],
    operator: Operator,
    show: Show,
    drain: float,
) -> tuple[ClusterMaintenance, ...]:
    """Work on the clusters one after the other; a failure of one does not stop the others."""
    done: dict[str, ClusterMaintenance] = {}
    failures: dict[str, KbootstrapError] = {}
    for plan in plans:
        name = plan.context.cluster.name
        try:
            done[name] = await _one(plan, nodes[name], works[name], operator, drain)
        except KbootstrapError as error:
            failures[name] = error
    if any(not one.empty for one in done.values()):
        show(tuple(done.values()))
    for name, result in done.items():
        if unknown := result.failure():
            failures[name] = unknown
    raise_failures(failures, len(plans), tuple(name for name in done if name not in failures))
    return tuple(done.values())


async def _one(
    plan: ClusterPlan, nodes: Nodes, work: ClusterMaintenance, operator: Operator, drain: float
) -> ClusterMaintenance:
    if work.empty and nodes.plan.empty:
        return work
    operator.begin()
    await settle(plan, nodes, work.works)
    return await RollingMaintenance(
        plan.context, plan.state.outputs, nodes, work, plan.connections, drain
    ).carry_out()


async def _look(plan: ClusterPlan, nodes: dict[str, Nodes], hours: dict[str, Hours]) -> ClusterMaintenance:
    name = plan.context.cluster.name
    return await look_at(plan, nodes[name], hours[name])


def _concerned(chosen: Sequence[Cluster]) -> tuple[Cluster, ...]:
    """Return the clusters with maintenance; raises `WrongUsage` if there are none."""
    found = tuple(cluster for cluster in chosen if cluster.maintenance)
    if not found:
        raise WrongUsage(
            f"the spec has no `maintenance` for {', '.join(cluster.name for cluster in chosen)}",
            hint="kbootstrap explain maintenance",
        )
    return found


def _open(hours: dict[str, Hours], operator: Operator) -> tuple[str, ...]:
    """Return the clusters whose window is open, and say which ones are not; raises where none is."""
    closed: dict[str, Declined] = {name: one.closed(name) for name, one in hours.items() if not one.open}
    if len(closed) == len(hours):
        raise next(iter(closed.values()))
    for refusal in closed.values():
        operator.say(f"{refusal.message[0].upper()}{refusal.message[1:]}: {refusal.hint}.")
    return tuple(name for name in hours if name not in closed)
