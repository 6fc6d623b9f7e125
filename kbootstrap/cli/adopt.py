"""`kbootstrap adopt`: take clusters that exist into a new state."""

from __future__ import annotations

from pathlib import Path

import click

from kbootstrap.cli.options import running, yes_option


@click.command("adopt", short_help="Take clusters whose state was lost into a new one.")
@running
@yes_option
def command(spec: Path, clusters: tuple[str, ...], output: str, tofu: str | None, yes: bool) -> int:
    """Take what exists of clusters into OpenTofu's state, when the state that knew it was lost.

    Nothing is made, replaced or removed, and the clusters go on. The spec must be as it was when they were
    changed last; then `kbootstrap apply` has nothing to do but to fetch the kubeconfig.
    """
    from kbootstrap.cli.session import Session, run
    from kbootstrap.commands.adopt import adopt

    async def work(session: Session) -> int:
        await adopt(spec, clusters, session.runtime, session, yes=yes)
        return 0

    return run(work, output=output, tofu=tofu, spec=spec, logged=True)
