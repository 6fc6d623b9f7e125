"""`kbootstrap lock`: pin what the network provides in the lock file."""

from __future__ import annotations

from pathlib import Path

import click

from kbootstrap.cli.options import cluster_option, spec_argument


@click.command("lock", short_help="Pin images, artifacts, providers and addresses in the lock file.")
@spec_argument
@cluster_option
@click.option(
    "--check", is_flag=True, help="Write nothing; show differences and exit with 2 if there are any."
)
@click.option(
    "--upgrade",
    multiple=True,
    type=click.Choice(["image", "artifacts", "providers"]),
    help="Look up pinned values of this kind again; may be repeated.",
)
def command(spec: Path, clusters: tuple[str, ...], check: bool, upgrade: tuple[str, ...]) -> int:
    """Look up values that the spec leaves open, pin them in the lock file beside it, and show the changes.

    These are the IDs of images by name, the published checksums of the files that kbootstrap installs on
    nodes and the recipes of their builds from source, and the versions of OpenTofu's providers with their
    hashes.

    Pinned values do not change, unless --upgrade is given. Commit the file: rendering then needs no network,
    and files that do not match their pinned checksum are refused.
    """
    from kbootstrap.cli.session import Session, run
    from kbootstrap.errors import CHANGES_PENDING

    async def work(session: Session) -> int:
        from kbootstrap import pins, pipeline
        from kbootstrap.context import choose, contexts, keep_lock, lock_differences, read_spec
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
