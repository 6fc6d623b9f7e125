"""`kbootstrap destroy`: shows what will be lost, asks, and removes the clusters side by side."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path

from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import Context, contexts, force_unlock, locked
from kbootstrap.engine.destroy_cluster import destroy_cluster
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.side_by_side import side_by_side
from kbootstrap.engine.spec import choose, read_spec


async def destroy(
    spec: Path,
    clusters: Iterable[str],
    run: Runtime,
    operator: Operator,
    *,
    yes: bool,
    with_buckets: bool,
    unlock: Iterable[str] = (),
) -> None:
    """Remove the clusters; `with_buckets`: also their buckets, if they are empty.

    `unlock` are clusters whose lock is taken from the run that holds it. All questions come before anything
    is removed. After that, a failure of one cluster does not stop the others.
    """
    loaded = read_spec(spec)
    chosen = contexts(loaded, choose(loaded, clusters), run, changing=False)
    force_unlock(chosen, unlock)
    if not yes:
        operator.must_ask("-y does not ask; all data of the clusters will be lost")

    async def remove(context: Context) -> tuple[str, ...]:
        async with AsyncExitStack() as connections:
            return await destroy_cluster(
                context, connections, beginning=operator.begin, with_buckets=with_buckets
            )

    with ExitStack() as locks:
        for context in chosen:
            locks.enter_context(locked(context))
        previews = await side_by_side(
            (one, partial(one.provider.destroy_preview, one.provider_context)) for one in chosen
        )
        previews.raise_failures()
        for name, preview in previews.results.items():
            operator.show_destroy_preview(name, preview)
            if not yes:
                await operator.ask(
                    f"All data of cluster {name} will be lost, also in volumes of claims with the reclaim "
                    "policy Retain. Type its name:",
                    wanted=name,
                )
        outcomes = await side_by_side((context, partial(remove, context)) for context in chosen)
    for name, kept in outcomes.results.items():
        stay = f" These buckets stay: {', '.join(kept)}." if kept else ""
        operator.say(f"Cluster {name} was removed.{stay}")
    outcomes.raise_failures(done=True)
