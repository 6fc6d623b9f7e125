"""Saves plans to a file, and restores them from it; reports what has changed in between."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import kbootstrap
from kbootstrap.core import files
from kbootstrap.core.errors import WrongUsage
from kbootstrap.core.events import phase
from kbootstrap.engine.cluster_plan import ClusterPlan, leaving
from kbootstrap.engine.context import Context
from kbootstrap.engine.downloads import Downloads
from kbootstrap.engine.outputs import known_nodes, missing_resources, verify_owner
from kbootstrap.engine.plan_cluster import look
from kbootstrap.engine.preflight import PreflightRun
from kbootstrap.engine.prepare import prepare
from kbootstrap.engine.rendered import render
from kbootstrap.engine.side_by_side import side_by_side
from kbootstrap.plans.agreed import Agreed, changed_files, changed_names, digests, moved
from kbootstrap.plans.checks import machines_created, machines_made, replaced_nodes
from kbootstrap.plans.saved import Saved, SavedCluster
from kbootstrap.spec.lock import dump
from kbootstrap.tofu.plan import PlanSummary, summarise

_MOST = 8
"""Rendered files that are named; more are counted."""


def save(plans: Sequence[ClusterPlan], spec: Path, headline: str) -> Saved:
    """Return the plans in the form of a saved plan; `spec` as the operator named it."""
    contexts = [plan.context for plan in plans]
    return Saved(
        spec=str(spec),
        version=kbootstrap.__version__,
        headline=headline,
        sources=_sources(contexts[0]),
        rendered=_rendered(contexts),
        clusters=tuple(map(_one, plans)),
    )


def _one(plan: ClusterPlan) -> SavedCluster:
    changing = not plan.infrastructure.empty
    return SavedCluster(
        name=plan.context.cluster.name,
        state=plan.state.identity,
        gone=tuple(sorted(plan.gone)),
        steps=digests(plan.nodes.plan) if plan.nodes else {},
        new=plan.new,
        known=plan.nodes is not None,
        plan=plan.tofu.planfile.read_bytes() if changing else None,
    )


async def restore(
    saved: Saved, contexts: Sequence[Context], stack: AsyncExitStack
) -> tuple[ClusterPlan, ...]:
    """Return the plans of the file, ready for `apply_cluster`.

    Raises `PlanMoved` with all differences, and the failures of clusters that could not be observed.
    """
    if moves := [*_moved_sources(saved, contexts)]:
        raise moved(moves)
    by_name = {one.name: one for one in saved.clusters}
    found = await side_by_side(
        (context, partial(_again, by_name[context.cluster.name], context, stack)) for context in contexts
    )
    found.raise_failures()
    if moves := [move for _, differences in found.results.values() for move in differences]:
        raise moved(moves)
    return tuple(plan for plan, _ in found.results.values())


async def _again(
    saved: SavedCluster, context: Context, stack: AsyncExitStack
) -> tuple[ClusterPlan, list[str]]:
    """Observe the clusters again, without planning, and compare them with the saved plan."""
    preflight, downloads = PreflightRun(context), Downloads(context)
    stack.push_async_callback(downloads.end)
    try:
        found = await _compared(saved, context, stack, preflight, downloads)
        await preflight.passed()
    finally:
        await preflight.end()
    return found


async def _compared(
    saved: SavedCluster,
    context: Context,
    stack: AsyncExitStack,
    preflight: PreflightRun,
    downloads: Downloads,
) -> tuple[ClusterPlan, list[str]]:
    name, emit, moves = saved.name, context.runtime.emit, []
    agreed = Agreed(saved.steps, frozenset(saved.new), saved.known)
    with phase(emit, "prepare", name):
        tofu = await preflight.beside(prepare(context, preflight.begin))
        state = await tofu.state()
        outputs = state.outputs
        verify_owner(context, outputs)
        gone = await missing_resources(context, outputs)
        if state.identity != saved.state:
            moves.append(f"the state of cluster {name} changed: another run applied changes since")
        moves += changed_names("resource", saved.gone, [*gone])
    summary = PlanSummary((), (), ())
    if saved.plan is not None:
        files.write(tofu.planfile, saved.plan, mode=0o600)
        shown, traits = await tofu.show_plan(tofu.planfile), context.provider.traits.resources
        summary = summarise(shown, name, tofu.provenance, traits)
    if summary.of("create", "replace"):
        preflight.begin()
    if machines_created(summary):
        downloads.begin()
    nodes, unseen = None, None
    known = known_nodes(state)
    asked = machines_made(summary)
    unprovisioned = await context.unprovisioned(asked) if asked else frozenset()
    removal = leaving(context, known, replaced_nodes(summary, gone, unprovisioned))
    if saved.known and not moves:
        nodes, unseen = await look(context, outputs, stack, starting=True, removal=removal)
        if nodes:
            moves += agreed.differences(nodes.plan)
        else:
            moves.append(f"the nodes of cluster {name} no longer answer: {unseen and unseen.message}")
    plan = ClusterPlan(
        context,
        tofu,
        state,
        summary,
        gone,
        nodes,
        saved.new,
        stack,
        unseen,
        known,
        unprovisioned,
        (),
        agreed,
        removal,
        downloads=downloads,
    )
    return plan, moves


def _moved_sources(saved: Saved, contexts: Sequence[Context]) -> list[str]:
    moves = [f"the {name} changed" for name in changed_files(saved.sources, _sources(contexts[0]))]
    rendered = () if moves else changed_files(saved.rendered, _rendered(contexts))
    if rendered:
        more = f" and {len(rendered) - _MOST} more files" if len(rendered) > _MOST else ""
        other = (
            "" if saved.version == kbootstrap.__version__ else f" (the plan was made with {saved.version})"
        )
        moves.append(f"the spec now renders differently{other}: {', '.join(rendered[:_MOST])}{more}")
    return moves


def _sources(context: Context) -> dict[str, str]:
    """Return the SHA-256 of the spec's bytes, and of the content of the lock."""
    try:
        spec = context.spec.path.read_bytes()
    except OSError as error:
        raise WrongUsage(f"cannot read {context.spec.path}: {error.strerror}") from error
    return {"spec": _hash(spec), "lock file": _hash(dump(context.lock).encode())}


def _rendered(contexts: Sequence[Context]) -> dict[str, str]:
    tree = render(contexts)
    return {path: _hash(text.encode()) for path, text in tree.files.items()}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
