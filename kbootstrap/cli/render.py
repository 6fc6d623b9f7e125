"""`kbootstrap render`: write the HCL and node configuration of a spec for review."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from kbootstrap.cli.options import cluster_option, spec_argument

_WORDS = {
    "missing": "is not there: run kbootstrap render and commit it",
    "stale": "was rendered from an older spec: run kbootstrap render and commit it",
    "edited": "was edited by hand: move the change into the spec",
    "extra": "is no longer rendered: run kbootstrap render and commit its removal",
}
"""What to do about each kind of difference."""


@click.command("render", short_help="Write the HCL and node configuration of a spec for review.")
@spec_argument
@cluster_option
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to."
)
@click.option(
    "--check", is_flag=True, help="Write nothing; show differences and exit with 2 if there are any."
)
@click.option("--force", is_flag=True, help="Overwrite files that were edited by hand.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["human", "github"]),
    default="human",
    show_default=True,
    help="How --check reports differences: as diffs, or as annotations of a GitHub workflow.",
)
def command(spec: Path, clusters: tuple[str, ...], out: Path, check: bool, force: bool, output: str) -> int:
    """Write the HCL and node configuration of a spec for review.

    The command does not use the network, and its output is the same on every machine.
    """
    from kbootstrap.cli.session import Session, run
    from kbootstrap.commands import render as rendering

    async def work(session: Session) -> int:
        if check:
            differences = rendering.check(spec, clusters, out, session.runtime)
            if output == "github":
                from kbootstrap.views.annotations import file_annotations
                from kbootstrap.views.links import links

                found = [(str(out / one.path), _WORDS[one.kind]) for one in differences]
                click.echo(file_annotations(found, links(None, os.environ, Path.cwd())), nl=False)
            else:
                for difference in differences:
                    click.echo(difference.diff)
            if differences:
                click.echo(f"{out} is not what {spec} renders to: {len(differences)} files differ", err=True)
            return 2 if differences else 0
        done = rendering.render(spec, clusters, out, session.runtime, force=force)
        if done.locked:
            click.echo("the lock file was updated; commit it beside the spec", err=True)
        for path in (*done.written.changed, *done.written.removed):
            click.echo(path)
        if sys.stderr.isatty() or not done.written.changed:
            click.echo(f"{out} is up to date: {done.files} files", err=True)
        return 0

    return run(work)
