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
    from kbootstrap.commands import lock as locking
    from kbootstrap.core.errors import CHANGES_PENDING

    async def work(session: Session) -> int:
        found = await locking.lock(spec, clusters, session.runtime, check=check, upgrade=upgrade)
        for remark in found.remarks:
            click.echo(remark, err=True)
        if check or found.written:
            click.echo(found.differences, nl=False)
        if check:
            if found.differences:
                click.echo(f"{found.path} would change", err=True)
            return CHANGES_PENDING if found.differences else 0
        done = "was written; commit it beside the spec" if found.written else "is up to date"
        click.echo(f"{found.path} {done}", err=True)
        return 0

    return run(work, spec=spec)
