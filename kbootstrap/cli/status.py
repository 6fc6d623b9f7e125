"""`kbootstrap status`: compare the clusters with the spec."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from kbootstrap.cli.options import running

if TYPE_CHECKING:
    from kbootstrap.cli.session import Session
    from kbootstrap.engine.cluster_status import ClusterStatus
    from kbootstrap.engine.context import Context
    from kbootstrap.views.watch import StatusWatch

INTERVAL = 5.0
"""Seconds between two looks of `--watch`."""


@click.command("status", short_help="Compare the clusters with the spec.")
@running
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 2 instead of 1 if `apply` would make changes."
)
@click.option("-w", "--watch", is_flag=True, help="Update the output regularly, until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help=f"With --watch: time between two updates. [default: {INTERVAL:g}]",
)
def command(
    spec: Path,
    clusters: tuple[str, ...],
    output: str,
    tofu: str | None,
    detailed_exitcode: bool,
    watch: bool,
    interval: float | None,
) -> int:
    """Compare every node with the spec: version, configuration, service, etcd, certificates; and snapshots.

    The command changes and starts nothing, and reports what does not answer. The exit code is 1 if something
    differs from the spec, if a certificate has expired, or if snapshots are not made as scheduled.
    """
    from kbootstrap.cli.session import run
    from kbootstrap.core.errors import CHANGES_PENDING

    if interval is not None and not watch:
        raise click.UsageError("--interval needs --watch")
    if watch and detailed_exitcode:
        raise click.UsageError("--watch runs until Ctrl-C, so it has no --detailed-exitcode")

    async def work(session: Session) -> int:
        from kbootstrap.commands.status import chosen_clusters, status

        chosen = chosen_clusters(spec, clusters, session.runtime)
        if watch:
            return await _follow(chosen, session, interval or INTERVAL)
        found = await status(chosen)
        _show(chosen[0].spec.name, found.clusters, session)
        if found.failed or found.good:
            return found.failed
        return CHANGES_PENDING if detailed_exitcode and found.pending else 1

    return run(work, output=output, tofu=tofu, spec=spec, quiet=True)


async def _follow(chosen: Sequence[Context], session: Session, interval: float) -> int:
    from kbootstrap.commands.status import status
    from kbootstrap.views.watch import choose

    view = choose(session.output, chosen[0].spec.name, interval, sys.stdout, os.environ)

    async def look(*, patient: bool) -> Sequence[ClusterStatus]:
        return (await status(chosen, patient=patient)).clusters

    return await watching(look, view, interval)


class Look(Protocol):
    """Observes all clusters; a failure is raised, or reported in its place if `patient`."""

    async def __call__(self, *, patient: bool) -> Sequence[ClusterStatus]:
        """Observe once."""


async def watching(look: Look, view: StatusWatch, interval: float) -> int:
    """Observe until the operator stops it; later failures are shown and do not stop it."""
    from datetime import UTC, datetime

    from kbootstrap.core.errors import Interrupted

    patient = False
    try:
        while True:
            view.show(await look(patient=patient), datetime.now(UTC))
            patient = True
            await asyncio.sleep(interval)
    except asyncio.CancelledError:  # the usual end, which needs no words
        return Interrupted.exit_code
    finally:
        view.close()


def _show(spec: str, found: Sequence[ClusterStatus], session: Session) -> None:
    from datetime import UTC, datetime

    from kbootstrap.views.status import show_status
    from kbootstrap.views.status_data import status_json

    if session.human:
        show_status(found, sys.stdout, os.environ)
    else:
        click.echo(status_json(spec, found, datetime.now(UTC)))
