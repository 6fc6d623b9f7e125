"""`kbootstrap destroy`: remove clusters and all resources that were created for them."""

from __future__ import annotations

from pathlib import Path

import click

from kbootstrap.cli.options import (
    events_option,
    force_option,
    running,
    yes_option,
)


@click.command("destroy", short_help="Remove clusters and all resources that were created for them.")
@running
@yes_option
@force_option
@click.option("--with-buckets", is_flag=True, help="Also delete the clusters' buckets, if they are empty.")
@events_option
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

    All questions come before anything is removed. Then the clusters are removed side by side.
    """
    from kbootstrap.cli.session import Session, run
    from kbootstrap.commands.destroy import destroy

    async def work(session: Session) -> int:
        await destroy(
            spec, clusters, session.runtime, session, yes=yes, with_buckets=with_buckets, unlock=unlock
        )
        return 0

    return run(work, output=output, tofu=tofu, spec=spec, logged=True, events=events)
