"""`kbootstrap replace`: give nodes a new machine."""

from __future__ import annotations

import click

from kbootstrap.cli import names
from kbootstrap.cli.options import (
    drain_option,
    force_option,
    output_option,
    spec_and_rest,
    tofu_option,
    yes_option,
)


@click.command("replace", short_help="Give nodes a new machine, one after the other.")
@click.argument(
    "words",
    nargs=-1,
    required=True,
    metavar="[SPEC] NODE|CLUSTER/POOL...",
    shell_complete=names.spec_then_nodes,
)
@output_option
@tofu_option
@yes_option
@drain_option
@force_option
def command(
    words: tuple[str, ...], output: str, tofu: str | None, yes: bool, drain: float, unlock: tuple[str, ...]
) -> int:
    """Give nodes a new machine of the same name: for one that is broken, or older than its image.

    CLUSTER/POOL names all nodes of a pool.

    Each node is drained and leaves its cluster first, and the next one begins when everything that ran there
    is ready again. Servers go one at a time, as long as etcd keeps its quorum; agents as many as
    `max_unavailable` of their pool says. A machine that does not answer is replaced too.
    """
    from kbootstrap.cli.changes import consent, document, finished, planned, show, stop_refused
    from kbootstrap.cli.session import Session, run
    from kbootstrap.commands import pipeline

    spec, nodes = spec_and_rest(words)
    if not nodes:
        raise click.UsageError("which node? kbootstrap status lists them")

    async def work(session: Session) -> int:
        async with planned(
            session, spec, (), changing=True, asking=not yes, renew=nodes, unlock=unlock
        ) as plans:
            shown = document(session, plans)
            show(session, shown)
            stop_refused(session, plans)
            if not yes:
                await consent(session, shown)
            for plan in plans:
                session.begin()
                await pipeline.apply(plan, drain=drain)
            await finished(session, plans)
            return 0

    return run(work, output=output, tofu=tofu, spec=spec, logged=True)
