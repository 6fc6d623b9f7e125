"""`kbootstrap apply`: bring the clusters to what the spec says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli.options import detailed_option, drain_option, force_option, running, yes_option

if TYPE_CHECKING:
    from kbootstrap.cli.session import Session


@click.command("apply", short_help="Bring the clusters to what the spec says.")
@running
@yes_option
@force_option
@detailed_option
@drain_option
@click.option(
    "--events",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write events to this file as JSON Lines.",
)
def command(
    spec: Path,
    clusters: tuple[str, ...],
    output: str,
    tofu: str | None,
    yes: bool,
    unlock: tuple[str, ...],
    detailed_exitcode: bool,
    drain: float,
    events: Path | None,
) -> int:
    """Bring the clusters to what the spec says: plan, ask, change, and write kubeconfigs.

    Run it again after every change of the spec, and after a run that failed or was interrupted.

    In place of a spec it takes a plan of `kbootstrap plan --out`, and does exactly that without a question.
    """
    from kbootstrap.cli.changes import (
        consent,
        document,
        finished,
        keep_tokens,
        planned,
        restored,
        show,
        stop_refused,
    )
    from kbootstrap.cli.session import run
    from kbootstrap.commands import pipeline
    from kbootstrap.core.errors import CHANGES_PENDING, WrongUsage
    from kbootstrap.plans import saved

    agreed = saved.read(spec) if saved.recognised(spec) else None
    if agreed and clusters:
        raise WrongUsage("a saved plan says itself which clusters it is for", hint="leave --cluster out")

    async def work(session: Session) -> int:
        asking = not yes and agreed is None
        async with (
            restored(session, agreed, unlock)
            if agreed
            else planned(session, spec, clusters, changing=True, asking=asking, unlock=unlock)
        ) as plans:
            shown = document(session, plans)
            if session.human or not shown.empty:
                show(session, shown)
            stop_refused(session, plans)
            if asking and not shown.empty:
                await consent(session, shown)
            for plan in plans:
                session.changed = session.changed or not plan.empty
                nodes = await pipeline.apply(plan, drain=drain)
                await keep_tokens(session, plan.context, nodes)
            await finished(session, plans)
            return CHANGES_PENDING if detailed_exitcode and not shown.empty else 0

    place = Path(agreed.spec) if agreed else spec
    return run(work, output=output, tofu=tofu, spec=place, logged=True, events=events)
