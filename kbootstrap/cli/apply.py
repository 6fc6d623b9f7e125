"""`kbootstrap apply`: create the clusters of the spec, or update them to match it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli.options import (
    bundle_option,
    detailed_option,
    drain_option,
    events_option,
    force_option,
    running,
    yes_option,
)

if TYPE_CHECKING:
    from kbootstrap.cli.session import Session


@click.command("apply", short_help="Create the clusters of the spec, or update them to match it.")
@running
@yes_option
@force_option
@detailed_option
@drain_option
@bundle_option
@events_option
@click.option(
    "--timeline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the timeline of the run to this file: a picture (.svg), or a trace for Perfetto (.json).",
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
    bundle: Path | None,
    events: Path | None,
    timeline: Path | None,
) -> int:
    """Create the clusters of the spec, or update them to match it: plan, confirm, change, write kubeconfigs.

    Run it again after every change of the spec, and after a run that failed or was interrupted. The clusters
    of a spec are changed side by side. A failure of one does not stop the others.

    Instead of a spec, it takes a plan that `kbootstrap plan --out` saved, and applies exactly that plan
    without confirmation.
    """
    from kbootstrap.cli.next_step import say_next_step
    from kbootstrap.cli.session import run
    from kbootstrap.cli.timeline import Recording
    from kbootstrap.commands.apply import apply
    from kbootstrap.core.errors import CHANGES_PENDING, WrongUsage
    from kbootstrap.plans import saved

    recording = Recording(timeline)
    agreed = saved.read(spec) if saved.recognised(spec) else None
    if agreed and clusters:
        raise WrongUsage("a saved plan names its clusters itself", hint="leave --cluster out")

    async def work(session: Session) -> int:
        done = await apply(
            spec,
            clusters,
            session.runtime,
            session,
            yes=yes,
            drain=drain,
            unlock=unlock,
            saved=agreed,
            bundle=bundle,
        )
        await say_next_step(session, done.plans)
        return CHANGES_PENDING if detailed_exitcode and done.changed else 0

    place = Path(agreed.spec) if agreed else spec
    return run(work, output=output, tofu=tofu, spec=place, logged=True, events=events, recording=recording)
