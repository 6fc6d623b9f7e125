"""`kbootstrap lock`: write what only the network knows into the lock file."""

from __future__ import annotations

from pathlib import Path

import click

from kbootstrap.cli.options import cluster_option, spec_argument


@click.command("lock", short_help="Pin images, artifacts, providers and addresses in the lock file.")
@spec_argument
@cluster_option
@click.option("--check", is_flag=True, help="Write nothing; show what differs and exit with 2 when it does.")
@click.option(
    "--upgrade",
    multiple=True,
    type=click.Choice(["image", "artifacts", "providers"]),
    help="Look up again what is pinned already; may be repeated.",
)
def command(spec: Path, clusters: tuple[str, ...], check: bool, upgrade: tuple[str, ...]) -> int:
    """Write what only the network knows into the lock file beside the spec, and show what is new in it.

    The IDs of images by name, the published checksums of what is installed on nodes and the recipe of its
    build from source, and the versions of OpenTofu's providers with their hashes.

    What is pinned stays, unless --upgrade says otherwise. Commit the file: rendering needs no network then,
    and what does not have a pinned checksum is refused.
    """
    from kbootstrap.cli.session import Session, run
    from kbootstrap.core.errors import CHANGES_PENDING

    async def work(session: Session) -> int:
        from kbootstrap.commands import lock as pins
        from kbootstrap.commands import pipeline
        from kbootstrap.engine.context import choose, contexts, keep_lock, lock_differences, read_spec
        from kbootstrap.spec.lock import lock_path

        loaded = read_spec(spec)
        chosen = contexts(loaded, choose(loaded, clusters), session.runtime)
        found = await pins.complete(await pipeline.pin(chosen, upgrade="image" in upgrade), upgrade=upgrade)
        path = lock_path(spec)
        differences = lock_differences(loaded, found.lock)
        for remark in found.remarks:
            click.echo(remark, err=True)
        if check:
            click.echo(differences, nl=False)
            if differences:
                click.echo(f"{path} would change", err=True)
            return CHANGES_PENDING if differences else 0
        if keep_lock(loaded, found.lock):
            click.echo(differences, nl=False)
            click.echo(f"{path} was written; commit it beside the spec", err=True)
        else:
            click.echo(f"{path} is up to date", err=True)
        return 0

    return run(work, spec=spec)
