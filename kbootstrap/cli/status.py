"""`kbootstrap status`: compare the clusters with the spec."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli.options import running

if TYPE_CHECKING:
    from kbootstrap.context import Context
    from kbootstrap.pipeline import State
    from kbootstrap.views.status import ShownCluster


@click.command("status", short_help="Compare the clusters with the spec.")
@running
def command(spec: Path, clusters: tuple[str, ...], output: str, tofu: str | None) -> int:
    """Compare every node with the spec. Exit code 1 when a node is not as wanted."""
    from kbootstrap import pipeline
    from kbootstrap.cli.session import Session, run

    async def work(session: Session) -> int:
        from contextlib import AsyncExitStack

        from kbootstrap.context import choose, contexts, read_spec
        from kbootstrap.views.status import show_status, status_json

        loaded = read_spec(spec)
        async with AsyncExitStack() as stack:
            chosen = contexts(loaded, choose(loaded, clusters), session.runtime, changing=False)
            found = [_shown(context, await pipeline.status(context, stack)) for context in chosen]
        if session.human:
            show_status(found, sys.stdout, os.environ)
        else:
            click.echo(status_json(found))
        return 0 if all(cluster.good for cluster in found) else 1

    return run(work, output=output, tofu=tofu, spec=spec, quiet=True)


def _shown(context: Context, state: State | None) -> ShownCluster:
    from kbootstrap.views.status import ShownCluster

    name, provider = context.cluster.name, context.cluster.provider.name
    if state is None:
        return ShownCluster(name, provider, None, (), "it has not been made yet")
    note = "; ".join(error.message for error in state.unreachable.values())
    return ShownCluster(name, provider, state.endpoint, state.rows, note, state.holder)
