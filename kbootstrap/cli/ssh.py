"""`kbootstrap ssh`: open a shell on a node, or run a command on it."""

from __future__ import annotations

import os

import click

from kbootstrap.cli import names
from kbootstrap.cli.options import spec_and_rest


@click.command(
    "ssh",
    short_help="Open a shell on a node, or run a command on it.",
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
    """Open a shell on a node, or run a command on it. You are not root on the node: use sudo.

    As with ssh, the words of the command are joined with spaces and given to a shell on the node: quote what
    that shell should see, for example 'uptime; df -h'.

    The node's host key is verified against the one that was pinned when the node was created.
    """
    from kbootstrap.cli.session import Session, run
    from kbootstrap.core.errors import PrerequisiteMissing
    from kbootstrap.core.programs import openssh

    spec, rest = spec_and_rest(words)
    if not rest:
        raise click.UsageError("name a node; `kbootstrap status` lists them")
    node, *remote = rest
    remote = remote[1:] if remote[:1] == ["--"] else remote
    argv: list[str] = []

    async def work(session: Session) -> int:
        from kbootstrap.commands.ssh import ssh_command

        _, *options = await ssh_command(spec, node, remote, session.runtime)
        client = await openssh(session.runtime.runner)
        if client.path is None:
            raise PrerequisiteMissing(
                "; ".join(client.unusable) or "the OpenSSH client ssh is not on PATH",
                hint="install it (Debian and Ubuntu: `sudo apt install openssh-client`)",
            )
        argv.extend([str(client.path), *options])
        return 0

    code = run(work, spec=spec, quiet=True)
    if argv:
        os.execv(argv[0], argv)  # noqa: S606 - the shell is the command's whole purpose
    return code
