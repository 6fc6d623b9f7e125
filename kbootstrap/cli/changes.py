"""What `plan` and `apply` share: planning all clusters, showing the plans, and the words at the end."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from kbootstrap.cli.session import Session
from kbootstrap.cluster.decide.order import Order, order
from kbootstrap.commands import pipeline
from kbootstrap.commands.pipeline import ClusterPlan
from kbootstrap.core.errors import KbootstrapError, WrongUsage
from kbootstrap.core.programs import kubectl
from kbootstrap.core.workspace import Workspace
from kbootstrap.engine import saved_plan as saving
from kbootstrap.engine.context import Context, choose, contexts, force_unlock, held, keep_lock, read_spec
from kbootstrap.engine.observe import Nodes, NotRunning
from kbootstrap.kubeconfig.paths import entry_name
from kbootstrap.plans.build import Found, entry
from kbootstrap.plans.model import Document
from kbootstrap.plans.saved import Saved
from kbootstrap.plans.words import names


@contextlib.asynccontextmanager
async def planned(
    session: Session,
    spec: Path,
    clusters: Iterable[str],
    *,
    changing: bool = False,
    asking: bool = False,
    renew: Sequence[str] = (),
    unlock: Iterable[str] = (),
) -> AsyncIterator[tuple[ClusterPlan, ...]]:
    """Plan the chosen clusters one after the other, and hold their locks and connections for the `with`.

    `changing`: the plans will be carried out. `asking`: after a question, so somebody must be there. `renew`
    are nodes, or pools as `CLUSTER/POOL`, that get a new machine; then only their clusters are planned.
    `unlock` are clusters whose lock is taken from whoever holds it.
    """
    loaded = read_spec(spec, session.warn)
    chosen = contexts(loaded, choose(loaded, clusters), session.runtime)
    if renew:
        renew = with_pools(renew, chosen)
        chosen = _clusters_of(renew, chosen)
    force_unlock(chosen, unlock)
    if asking:
        session.must_ask(
            f"kbootstrap plan {spec} shows what would be done; -y does it without a question, "
            "and so does apply with a plan of plan --out"
        )
    async with contextlib.AsyncExitStack() as stack:
        for context in chosen:
            stack.enter_context(held(context))
        before, chosen = chosen[0].lock, await pipeline.pin(chosen)
        # What was looked up now must be the same for everybody who looks at this plan.
        if (changing or chosen[0].lock != before) and keep_lock(loaded, chosen[0].lock):
            session.say(
                "The lock file beside the spec has what the spec leaves open (addresses, images); commit it."
            )
        plans = []
        for context in chosen:
            mine = [node.name for node in context.nodes if node.name in renew]
            plans.append(await pipeline.plan(context, stack, starting=changing, renew=mine))
        yield tuple(plans)


def with_pools(words: Sequence[str], chosen: Sequence[Context]) -> list[str]:
    """Return the words with `CLUSTER/POOL` as the nodes of that pool; others as they are."""
    pools: dict[str, list[str]] = {}
    for context in chosen:
        for node in context.nodes:
            pools.setdefault(f"{context.cluster.name}/{node.pool}", []).append(node.name)
    return list(dict.fromkeys(name for word in words for name in pools.get(word, [word])))


def _clusters_of(nodes: Sequence[str], chosen: Sequence[Context]) -> tuple[Context, ...]:
    """Return the contexts that have these nodes; raises `WrongUsage` for a node that none has."""
    known = {node.name for context in chosen for node in context.nodes}
    for name in nodes:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise WrongUsage(
                f"there is no node '{name}'" + (f"; did you mean '{close[0]}'?" if close else ""),
                hint=f"there are: {', '.join(sorted(known))}",
            )
    return tuple(c for c in chosen if any(node.name in nodes for node in c.nodes))


@contextlib.asynccontextmanager
async def restored(
    session: Session, saved: Saved, unlock: Iterable[str] = ()
) -> AsyncIterator[tuple[ClusterPlan, ...]]:
    """Take the plans of a saved one up again; what `planned` holds is held for the `with`."""
    loaded = read_spec(Path(saved.spec), session.warn)
    chosen = contexts(loaded, choose(loaded, [one.name for one in saved.clusters]), session.runtime)
    force_unlock(chosen, unlock)
    async with contextlib.AsyncExitStack() as stack:
        for context in chosen:
            stack.enter_context(held(context))
        yield await saving.restore(saved, chosen, stack)


def document(session: Session, plans: Sequence[ClusterPlan]) -> Document:
    """Return the plans as the document that views show."""
    clean, spec = session.runtime.redactor.clean, plans[0].context.spec
    left: tuple[str, ...] = ()
    if len(plans) == len(spec.clusters):
        names = [cluster.name for cluster in spec.clusters]
        left = Workspace.beside(spec.path).left(spec.name, names)
    return Document(spec.name, tuple(entry(_found(plan), clean) for plan in plans), left)


def show(session: Session, shown: Document) -> None:
    """Show plans: to people on stderr, as one JSON document on stdout."""
    if session.human:
        from kbootstrap.views.plan import show_plan

        with session.view.paused():
            show_plan(shown, sys.stderr, os.environ)
    else:
        from kbootstrap.views.plan_data import plan_json

        sys.stdout.write(plan_json(shown) + "\n")


def stop_refused(session: Session, plans: Sequence[ClusterPlan]) -> None:
    """Raise where a plan that was shown must not be carried out; people have seen its diagnostics."""
    for plan in plans:
        try:
            pipeline.stop_refused(plan)
        except KbootstrapError as error:
            if session.human:
                error.diagnostics = ()
            raise


async def consent(session: Session, shown: Document) -> None:
    """Ask before the plans are carried out. Who would lose servers types the cluster's name."""
    pending = [cluster for cluster in shown.clusters if not cluster.empty]
    for cluster in pending:
        if cluster.servers_lost:
            lost = names(cluster.servers_lost)
            await session.ask(
                f"This takes away machines of the control plane of {cluster.cluster}: {lost}. "
                "Type the cluster's name:",
                wanted=cluster.cluster,
            )
    if any(not cluster.servers_lost for cluster in pending):
        await session.ask(f"Do this to {', '.join(cluster.cluster for cluster in pending)}? Type yes:")


def _found(plan: ClusterPlan) -> Found:
    context, nodes = plan.context, plan.nodes
    return Found(
        cluster=context.cluster.name,
        infrastructure=plan.infrastructure,
        provider=context.cluster.provider.name,
        steps=nodes.plan if nodes else None,
        new=plan.new,
        source=context.spec.source,
        unseen=_unseen(plan),
        before={
            **{name: node.get("role", "agent") for name, node in plan.known.items()},
            **(nodes.going.removed if nodes else {}),
        },
        after={node.name: node.role for node in context.nodes},
        versions=_versions(nodes, context.distribution.paths.binary) if nodes else (),
        version=context.cluster.kubernetes.version,
        blank=plan.blank,
        gone=plan.gone,
        refusals=plan.refusals,
        order=order(nodes.going, nodes.wanted.nodes, nodes.plan.leaving) if nodes else Order(),
    )


def _versions(nodes: Nodes, binary: str) -> tuple[str, ...]:
    """Return the Kubernetes versions of nodes: as they tell the API, else as they were installed."""
    told = {name: node.version for name, node in (nodes.api.nodes.items() if nodes.api else ())}
    there = {
        n: found.artifacts[binary].version for n, found in nodes.facts.items() if binary in found.artifacts
    }
    return tuple(sorted({*({**there, **told}.values())}))


def _unseen(plan: ClusterPlan) -> str | None:
    """Say why nodes were not looked at, and of machines that are only shut off what is done about it."""
    if plan.unseen is None:
        return None
    error = plan.unseen
    if not isinstance(error, NotRunning):
        return error.message
    told = "; ".join((error.detail or error.message).splitlines())
    return f"{told} ({error.hint})" if error.hint else told


async def keep_tokens(session: Session, context: Context, nodes: Nodes) -> None:
    """Keep the token beside the snapshots; a bucket that does not answer does not make the cluster worse."""
    from kbootstrap.commands import snapshots

    try:
        await snapshots.keep_tokens(context, nodes)
    except KbootstrapError as error:
        session.say(
            f"Warning: the token is not kept beside the snapshots: {error.message}. {error.hint or ''}"
        )


async def finished(session: Session, plans: Sequence[ClusterPlan]) -> None:
    """Say what there is now and what to type next."""
    changed = [plan for plan in plans if not plan.empty]
    if not session.human or not changed:
        return
    context = changed[-1].context
    clusters = ", ".join(plan.context.cluster.name for plan in plans)
    if (await kubectl(session.runtime.runner)).path:
        # kubectl stays with the cluster that it was on, unless the provider's clusters are one person's.
        chosen = (
            ""
            if context.provider.switches_context
            else f"--context {entry_name(context.spec.name, context.cluster.name)} "
        )
        following = f"kubectl {chosen}get nodes"
    else:
        following = f"kbootstrap status {context.spec.path}"
    session.say(f"{'Cluster' if len(plans) == 1 else 'Clusters'} {clusters}: up. Next: {following}")
