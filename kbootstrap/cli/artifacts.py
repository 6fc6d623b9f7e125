"""`kbootstrap artifacts`: list, fetch and prune the files that kbootstrap installs on nodes."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import click

from kbootstrap.cli.options import cluster_option

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "amd64": "amd64"}


@click.group("artifacts", short_help="List, fetch and prune the files that kbootstrap installs on nodes.")
def command() -> None:
    """List, fetch and prune the files that kbootstrap installs on nodes.

    The files are cached in ~/.cache/kbootstrap (KBOOTSTRAP_CACHE sets another folder) and verified before
    every use.
    """


@command.command("list", short_help="List the contents of the cache.")
@click.option("-o", "--output", type=click.Choice(["human", "json"]), default="human", show_default=True)
def list_(output: str) -> int:
    """List the contents of the cache, with versions, sizes and sources."""
    import json
    from dataclasses import asdict

    from kbootstrap.artifacts.cache import root
    from kbootstrap.artifacts.clean import list_cached
    from kbootstrap.views.amounts import bytes_text
    from kbootstrap.views.tables import show_table

    items = list_cached(root(os.environ))
    if output == "json":
        shown = [{**asdict(item), "path": str(item.path)} for item in items]
        click.echo(json.dumps({"version": 1, "kind": "artifacts", "items": shown}, indent=2))
        return 0
    head = ["KIND", "NAME", "VERSION", "ARCH", "SIZE", "SOURCE", "MADE"]
    rows = [[i.kind, i.name, i.version, i.arch, bytes_text(i.size), i.source, i.made] for i in items]
    show_table(head, rows, sys.stdout, os.environ, empty="The cache is empty.")
    return 0


@command.command("pull", short_help="Fetch files before they are needed.")
@click.argument("names", nargs=-1, required=True, metavar="VERSION|tofu|provider-NAME|SPEC...")
@click.option("--arch", type=click.Choice(["amd64", "arm64"]), help="[default: this machine's]")
@click.option("--mirror", help="Base URL of a mirror to try before the vendor's servers.")
@click.option("-o", "--output", type=click.Choice(["human", "json"]), default="human", show_default=True)
def pull(names: tuple[str, ...], arch: str | None, mirror: str | None, output: str) -> int:
    """Fetch files before they are needed: of a version (v1.32.0+k3s1), of all versions of a spec, or tofu.

    provider-NAME is one of OpenTofu's providers (provider-openstack), for networks without access to a
    provider registry. Once it is fetched, it is used instead of the registry's.

    The command downloads the vendor's release and verifies it against the published checksums, and for a spec
    against those of its lock file. If releases cannot be reached, versions with a recipe are built from
    source, which takes a quarter of an hour on two cores.
    """
    from kbootstrap.cli.session import Session, run

    machine = arch or _ARCHITECTURES.get(platform.machine(), platform.machine())

    async def work(session: Session) -> int:
        from kbootstrap.commands import artifacts

        async for path in artifacts.pull(names, machine, mirror, session.runtime):
            click.echo(path)
        return 0

    return run(work, output=output)


@command.command("bundle", short_help="Write everything that a spec needs into one file.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@cluster_option
@click.option(
    "--arch",
    "arches",
    type=click.Choice(["amd64", "arm64"]),
    multiple=True,
    help="Architecture of nodes; may be repeated. [default: this machine's]",
)
@click.option("-o", "--output", type=click.Choice(["human", "json"]), default="human", show_default=True)
def bundle(spec: Path, file: Path, clusters: tuple[str, ...], arches: tuple[str, ...], output: str) -> int:
    """Write everything that a spec needs into one file, for a place without internet.

    The file has the programs and images of all versions, OpenTofu and its providers for a machine like this
    one, and a list of contents with checksums, versions and licences (SPDX). `plan` and `apply` use it with
    --bundle. The same files give the same bytes; the SHA-256 of the file is printed.
    """
    from kbootstrap.cli.session import Session, run
    from kbootstrap.views.amounts import bytes_text

    wanted = arches or (_ARCHITECTURES.get(platform.machine(), platform.machine()),)

    async def work(session: Session) -> int:
        from kbootstrap.commands import artifacts

        made = await artifacts.bundle(spec, clusters, wanted, file, session.runtime)
        click.echo(f"{made.sha256}  {file}")
        session.say(f"{bytes_text(made.size)} in {len(made.folders)} versions")
        return 0

    return run(work, output=output, spec=spec)


@command.command("prune", short_help="Remove what builds from source left in the cache.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also remove fetched versions and node images.",
)
@click.option("--keep", multiple=True, metavar="VERSION", help="Keep this version; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, without removing it.")
def prune(everything: bool, keep: tuple[str, ...], dry_run: bool) -> int:
    """Remove what builds from source left in the cache; with --all also everything that was fetched."""
    from kbootstrap.artifacts.cache import root
    from kbootstrap.artifacts.clean import Kind
    from kbootstrap.artifacts.clean import prune as clean
    from kbootstrap.views.amounts import bytes_text

    left: tuple[Kind, ...] = ("build", "go", "rest")
    kinds: tuple[Kind, ...] = (*left, "image", "files") if everything else left
    removed = clean(root(os.environ), keep=keep, kinds=kinds, dry=dry_run)
    for item in removed:
        click.echo(f"{bytes_text(item.size):>10}  {item.path}")
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"{bytes_text(sum(item.size for item in removed))} {verb}", err=True)
    return 0
