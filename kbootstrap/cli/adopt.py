"""`kbootstrap adopt`: import existing clusters after their state is lost."""

from __future__ import annotations

from pathlib import Path

import click

from kbootstrap.cli.options import running, yes_option


@click.command("adopt", short_help="Import existing clusters after their state is lost.")
@running
@yes_option
def command(spec: Path, clusters: tuple[str, ...], output: str, tofu: str | None, yes: bool) -> int:
    """Import existing resources of clusters into a new OpenTofu state, after the state is lost.

    Nothing is created, replaced or removed, and the clusters continue to run. The spec must be as it was when
    they were last changed; `kbootstrap apply` then only fetches the kubeconfig.
    """
    from kbootstrap.cli.session import Session, run
    from kbootstrap.commands.adopt import adopt

    async def work(session: Session) -> int:
        await adopt(spec, clusters, session.runtime, session, yes=yes)
        return 0

    return run(work, output=output, tofu=tofu, spec=spec, logged=True)
