"""Plans several clusters and holds their locks: the beginning of `plan`, `apply`, `replace` and `rotate`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from kbootstrap.core.errors import WrongUsage
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.cluster_plan import ClusterPlan
from kbootstrap.engine.context import Context, contexts, force_unlock, locked
from kbootstrap.engine.cost import refuse_over_budget
from kbootstrap.engine.lock_file import keep_lock
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.pin import pin
from kbootstrap.engine.plan_cluster import plan_cluster
from kbootstrap.engine.saved_plan import restore
from kbootstrap.engine.side_by_side import side_by_side
from kbootstrap.engine.spec import choose, read_spec
from kbootstrap.plans.saved import Saved
from kbootstrap.spec.topology import is_elastic


@contextlib.asynccontextmanager
async def planned(
    spec: Path,
    clusters: Iterable[str],
    run: Runtime,
    operator: Operator,
    *,
    changing: bool = False,
    asking: bool = False,
    replace: Sequence[str] = (),
    unlock: Iterable[str] = (),
) -> AsyncIterator[tuple[ClusterPlan, ...]]:
    """Plan the chosen clusters side by side; hold their locks and connections during the context.

    `changing`: the plans will be carried out. `asking`: after a question, so there must be a terminal.
    `replace` are nodes, or pools as `CLUSTER/POOL`, that get a new machine; then only their clusters are
    planned.
    `unlock` are clusters whose lock is taken from the run that holds it. Raises the failures of all clusters
    for which there is no plan.
    """
    loaded = read_spec(spec, operator.warn)
    refuse_over_budget(loaded)
    chosen = contexts(loaded, choose(loaded, clusters), run)
    if replace:
        replace = with_pools(replace, chosen)
        chosen = _clusters_of(replace, chosen)
    force_unlock(chosen, unlock)
    if asking:
        operator.must_ask(
            f"kbootstrap plan {spec} shows the changes; -y applies them without a question, "
            "as does apply with a plan saved by plan --out"
        )
    async with contextlib.AsyncExitStack() as stack:
        for context in chosen:
            stack.enter_context(locked(context))
            await stack.enter_async_context(context.session())
        before, chosen = chosen[0].lock, await pin(chosen)
        # What was looked up now must be the same for every reader of this plan.
        if (changing or chosen[0].lock != before) and keep_lock(loaded, chosen[0].lock):
            operator.say(
                "The lock file beside the spec records what the spec leaves open (addresses, images): "
                "commit it."
            )

        async def plan(context: Context) -> ClusterPlan:
            mine = [word for word in replace if _concerns(context, word)]
            return await plan_cluster(context, stack, starting=changing, replace=mine)

        found = await side_by_side((context, partial(plan, context)) for context in chosen)
        found.raise_failures()
        yield tuple(found.results.values())


@contextlib.asynccontextmanager
async def restored(
    saved: Saved, run: Runtime, operator: Operator, unlock: Iterable[str] = ()
) -> AsyncIterator[tuple[ClusterPlan, ...]]:
    """Restore the plans of a saved plan; hold locks and connections like `planned`."""
    loaded = read_spec(Path(saved.spec), operator.warn)
    refuse_over_budget(loaded)
    chosen = contexts(loaded, choose(loaded, [one.name for one in saved.clusters]), run)
    force_unlock(chosen, unlock)
    async with contextlib.AsyncExitStack() as stack:
        for context in chosen:
            stack.enter_context(locked(context))
            await stack.enter_async_context(context.session())
        yield await restore(saved, chosen, stack)


def with_pools(words: Sequence[str], chosen: Sequence[Context]) -> list[str]:
    """Return the words, with `CLUSTER/POOL` replaced by the nodes of that pool.

    The word itself stays for an autoscaled pool: it stands for its elastic nodes.
    """
    pools: dict[str, list[str]] = {}
    for context in chosen:
        for pool in context.cluster.pools:
            name = f"{context.cluster.name}/{pool.name}"
            pools[name] = [name] if pool.autoscaling else []
        for node in context.nodes:
            pools.setdefault(f"{context.cluster.name}/{node.pool}", []).append(node.name)
    return list(dict.fromkeys(name for word in words for name in pools.get(word, [word])))


def _concerns(context: Context, word: str) -> bool:
    """Return whether a node, or the elastic nodes of a pool, are of this cluster."""
    name = context.cluster.name
    pools = {f"{name}/{pool.name}" for pool in context.cluster.pools}
    own = {node.name for node in context.nodes} | pools
    return word in own or (context.provider.elastic_machines is not None and is_elastic(name, word))


def _clusters_of(nodes: Sequence[str], chosen: Sequence[Context]) -> tuple[Context, ...]:
    """Return the contexts that have these nodes; raises `WrongUsage` for an unknown node."""
    known = {node.name for context in chosen for node in context.nodes}
    for name in nodes:
        if not any(_concerns(context, name) for context in chosen):
            close = get_close_matches(name, known, n=1)
            raise WrongUsage(
                f"there is no node '{name}'" + (f"; did you mean '{close[0]}'?" if close else ""),
                hint=f"there are: {', '.join(sorted(known))}",
            )
    return tuple(c for c in chosen if any(_concerns(c, name) for name in nodes))
