"""`kbootstrap maintain`: install updates of the operating system, and reboot machines that require it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli import names
from kbootstrap.cli.options import (
    default_spec,
    drain_option,
    events_option,
    force_option,
    output_option,
    spec_and_rest,
    tofu_option,
    yes_option,
)

if TYPE_CHECKING:
    from kbootstrap.cli.session import Session
    from kbootstrap.engine.maintenance import ClusterMaintenance


@click.command("maintain", short_help="Update and reboot the machines of clusters, one after the other.")
@click.argument("words", nargs=-1, metavar="[SPEC] [CLUSTER]...", shell_complete=names.spec_then_clusters)
@click.option("--now", "anyhow", is_flag=True, help="Begin outside of the window too; stay with it.")
@click.option("--dry-run", is_flag=True, help="Show what is pending, and change nothing.")
@output_option
@tofu_option
@yes_option
@drain_option
@force_option
@events_option
def command(
    words: tuple[str, ...],
    anyhow: bool,
    dry_run: bool,
    output: str,
    tofu: str | None,
    yes: bool,
    drain: float,
    unlock: tuple[str, ...],
    events: Path | None,
) -> int:
    """Install security updates of the operating system, and reboot machines, as `maintenance` says.

    The command works in the maintenance window only. Each node is drained first, and is Ready again before
    the next one begins: servers one after the other, as long as etcd keeps its quorum, then agents, up to
    `max_unavailable` of their pool at once. Nothing begins after the window has ended.

    A job can run it regularly: with nothing to do it exits with 0. If it was interrupted, run it again.
    """
    from kbootstrap.cli.session import run
    from kbootstrap.commands.maintain import maintain

    spec, clusters = spec_and_rest(words) if words else (default_spec(), ())

    async def work(session: Session) -> int:
        def show(found: Sequence[ClusterMaintenance]) -> None:
            _show(found, session)

        await maintain(
            spec,
            clusters,
            session.runtime,
            session,
            show,
            yes=yes,
            anyhow=anyhow,
            dry_run=dry_run,
            drain=drain,
            unlock=unlock,
        )
        return 0

    return run(work, output=output, tofu=tofu, spec=spec, logged=not dry_run, events=events)


def _show(found: Sequence[ClusterMaintenance], session: Session) -> None:
    from kbootstrap.views.maintenance import maintenance_json, show_maintenance

    if session.human:
        with session.view.paused():
            show_maintenance(found, sys.stderr, os.environ)
    else:
        click.echo(maintenance_json(found))
