"""`kbootstrap adopt`: import existing clusters after their state is lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kbootstrap.cli.options import running, yes_option

if TYPE_CHECKING:
    from kbootstrap.adoption import Adopted


@click.command("adopt", short_help="Import existing clusters after their state is lost.")
@running
@yes_option
def command(spec: Path, clusters: tuple[str, ...], output: str, tofu: str | None, yes: bool) -> int:
    """Import existing resources of clusters into a new OpenTofu state, after the state is lost.

    Nothing is created, replaced or removed, and the clusters continue to run. The spec must be as it was when
    they were last changed; `kbootstrap apply` then only fetches the kubeconfig.
    """
    from kbootstrap.adoption import adopt
    from kbootstrap.cli.session import Session, run
    from kbootstrap.context import choose, contexts, held, read_spec

    async def work(session: Session) -> int:
        loaded = read_spec(spec)
        chosen = contexts(loaded, choose(loaded, clusters), session.runtime)
        if not yes:
            session.must_ask("with -y nobody is asked; nothing but the state is changed")
            names = ", ".join(context.cluster.name for context in chosen)
            await session.ask(f"Take what exists of {names} into the state? [y/N]")
        for context in chosen:
            with held(context):
                done = await adopt(context, beginning=session.begin)
            session.say(f"Cluster {context.cluster.name}: {_told(done)}")
        session.say(f"Next: kbootstrap apply {spec}")
        return 0

    return run(work, output=output, tofu=tofu, spec=spec, logged=True)


def _told(done: Adopted) -> str:
    if done.stateless:
        return "its machines exist by themselves, and there is no state to lose."
    if not done.taken:
        return "the state knows everything of it already."
    return f"the state knows {', '.join(done.taken)} again."
