"""`kbootstrap replace`: replace the machines of nodes."""

from __future__ import annotations

from pathlib import Path

import click

from kbootstrap.cli import names
from kbootstrap.cli.options import (
    drain_option,
    events_option,
    force_option,
    output_option,
    spec_and_rest,
    tofu_option,
    yes_option,
)


@click.command("replace", short_help="Replace the machines of nodes, one after the other.")
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
@events_option
def command(
    words: tuple[str, ...],
    output: str,
    tofu: str | None,
    yes: bool,
    drain: float,
    unlock: tuple[str, ...],
    events: Path | None,
) -> int:
    """Replace the machines of nodes: if they are broken, or to use a newer image. The names stay the same.

    CLUSTER/POOL selects all nodes of a pool.

    Each node is first drained and removed from its cluster. The next replacement begins when all workloads of
    the node are ready again. Servers are replaced one at a time, as long as etcd keeps its quorum; agents up
    to `max_unavailable` of their pool at once. Machines that do not answer are replaced too.
    """
    from kbootstrap.cli.next_step import say_next_step
    from kbootstrap.cli.session import Session, run
    from kbootstrap.commands.replace import replace

    spec, nodes = spec_and_rest(words)
    if not nodes:
        raise click.UsageError("name a node; `kbootstrap status` lists them")

    async def work(session: Session) -> int:
        plans = await replace(spec, nodes, session.runtime, session, yes=yes, drain=drain, unlock=unlock)
        await say_next_step(session, plans)
        return 0

    return run(work, output=output, tofu=tofu, spec=spec, logged=True, events=events)
