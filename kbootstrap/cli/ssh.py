"""`kbootstrap ssh`: open a shell on a node, or run a command there."""

from __future__ import annotations

import os

import click

from kbootstrap.cli import names
from kbootstrap.cli.options import spec_and_rest


@click.command(
    "ssh",
    short_help="Open a shell on a node, or run a command there.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument(
    "words",
    nargs=-1,
    required=True,
    metavar="[SPEC] NODE [-- COMMAND...]",
    shell_complete=names.spec_then_node,
)
def command(words: tuple[str, ...]) -> int:
    """Open a shell on a node, or run a command there. You are not root there: use sudo.

    As with ssh, the words of the command are joined with spaces and given to a shell on the node: quote what
    that shell is to see, for example 'uptime; df -h'.

    The node's host key is checked against the one that was pinned when the node was made.
    """
    from kbootstrap.cli.session import Session, run
    from kbootstrap.core.errors import PrerequisiteMissing

    spec, rest = spec_and_rest(words)
    if not rest:
        raise click.UsageError("which node? kbootstrap status lists them")
    node, *remote = rest
    remote = remote[1:] if remote[:1] == ["--"] else remote
    argv: list[str] = []

    async def work(session: Session) -> int:
        from kbootstrap.commands import pipeline
        from kbootstrap.engine.context import contexts, read_spec

        loaded = read_spec(spec)
        argv.extend(
            await pipeline.ssh_command(
                contexts(loaded, loaded.clusters, session.runtime, changing=False), node, remote
            )
        )
        return 0

    code = run(work, spec=spec, quiet=True)
    if argv:
        try:
            os.execvp(argv[0], argv)  # noqa: S606 - the shell is the command's whole purpose
        except OSError as error:
            raise PrerequisiteMissing(
                f"the OpenSSH client cannot be run: {error.strerror}",
                hint="install it (Debian and Ubuntu: `sudo apt install openssh-client`)",
            ) from error
    return code
