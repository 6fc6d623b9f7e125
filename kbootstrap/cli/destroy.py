"""`kbootstrap destroy`: remove clusters and all resources that were created for them."""

from __future__ import annotations

from pathlib import Path

import click

from kbootstrap.cli.options import force_option, running, yes_option


@click.command("destroy", short_help="Remove clusters and all resources that were created for them.")
@running
@yes_option
@force_option
@click.option("--with-buckets", is_flag=True, help="Also delete the clusters' buckets, if they are empty.")
@click.option(
    "--events",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write events to this file, as JSON Lines.",
)
def command(
    spec: Path,
    clusters: tuple[str, ...],
    output: str,
    tofu: str | None,
    yes: bool,
    unlock: tuple[str, ...],
    with_buckets: bool,
    events: Path | None,
) -> int:
    """Remove clusters with all their data, and all resources that were created for them. Cannot be undone.

    Volumes are deleted too: those of pools, and those of PersistentVolumeClaims, regardless of their reclaim
    policy.

    Buckets of the spec are kept, unless --with-buckets is given.
    """
    from contextlib import AsyncExitStack

    from kbootstrap import pipeline
    from kbootstrap.cli.session import Session, run
    from kbootstrap.context import choose, contexts, force_unlock, held, read_spec

    async def work(session: Session) -> int:
        loaded = read_spec(spec)
        chosen = contexts(loaded, choose(loaded, clusters), session.runtime, changing=False)
        force_unlock(chosen, unlock)
        if not yes:
            session.must_ask("with -y nobody is asked; everything on the clusters is lost then")
        for context in chosen:
            name = context.cluster.name
            with held(context):
                session.doomed(name, await pipeline.doomed(context))
                if not yes:
                    await session.ask(
                        f"All data of cluster {name} is lost then, also in claims with the reclaim policy "
                        "Retain. Type its name:",
                        wanted=name,
                    )
                async with AsyncExitStack() as stack:
                    kept = await pipeline.destroy(
                        context, stack, beginning=session.begin, with_buckets=with_buckets
                    )
            stay = f" These buckets stay: {', '.join(kept)}." if kept else ""
            session.say(f"Cluster {name} is gone.{stay}")
        return 0

    return run(work, output=output, tofu=tofu, spec=spec, logged=True, events=events)
