"""`kbootstrap destroy`: shows what will be lost, asks, and removes clusters one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import contexts, force_unlock, locked
from kbootstrap.engine.destroy_cluster import destroy_cluster
from kbootstrap.engine.operator import Operator
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

    `unlock` are clusters whose lock is taken from the run that holds it.
    """
    loaded = read_spec(spec)
    chosen = contexts(loaded, choose(loaded, clusters), run, changing=False)
    force_unlock(chosen, unlock)
    if not yes:
        operator.must_ask("-y does not ask; all data of the clusters will be lost")
    for context in chosen:
        name = context.cluster.name
        with locked(context):
            preview = await context.provider.destroy_preview(context.provider_context)
            operator.show_destroy_preview(name, preview)
            if not yes:
                await operator.ask(
                    f"All data of cluster {name} will be lost, also in volumes of claims with the reclaim "
                    "policy Retain. Type its name:",
                    wanted=name,
                )
            async with AsyncExitStack() as stack:
                kept = await destroy_cluster(
                    context, stack, beginning=operator.begin, with_buckets=with_buckets
                )
        stay = f" These buckets stay: {', '.join(kept)}." if kept else ""
        operator.say(f"Cluster {name} was removed.{stay}")
