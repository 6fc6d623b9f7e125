"""The OpenSSH command line for `kbootstrap ssh`: same user, keys, pins and bastion as kbootstrap's. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from kbootstrap.hosts.known_hosts import host_pattern
from kbootstrap.inventory.model import SshTarget


def ssh_argv(
    target: SshTarget, known_hosts: Path, command: Sequence[str] = (), *, program: str = "ssh"
) -> list[str]:
    """Return the argument list that opens a shell on `target`, or runs `command` there.

    The host key must already be pinned in `known_hosts` (a connection with kbootstrap's client pins it), else
    ssh refuses to connect. The user's ssh configuration is not used (`-F none`), because it is already
    included in `target`. The words of `command` are joined with spaces and passed to the remote shell, as
    `ssh` does.
    """
    remote = [" ".join(command)] if command else []
    return [program, *_options(target, known_hosts, program), "--", target.host, *remote]


def _options(target: SshTarget, known_hosts: Path, program: str) -> list[str]:
    options = ["-F", "none", "-p", str(target.port), "-l", target.user]
    for identity in target.identities:
        options += ["-i", str(identity)]
    if target.identities and target.identities_only:
        options += ["-o", "IdentitiesOnly=yes"]
    if target.agent:
        options += ["-o", f"IdentityAgent={target.agent}"]
    options += [
        *("-o", f"HostKeyAlias={host_pattern(target.key_alias)}"),
        *("-o", 'UserKnownHostsFile="{}"'.format(str(known_hosts).replace("%", "%%"))),
        *("-o", "GlobalKnownHostsFile=none"),
        *("-o", "StrictHostKeyChecking=yes"),
        *("-o", "UpdateHostKeys=no"),
        *("-o", "LogLevel=ERROR"),
    ]
    if target.jump is not None:
        # ProxyJump has no options for the bastion's alias and keys, ProxyCommand does. ssh expands `%`.
        inner = _options(target.jump, known_hosts, program)
        through = shlex.join([program, *inner]).replace("%", "%%")
        options += ["-o", f"ProxyCommand={through} -W '[%h]:%p' -- {shlex.quote(target.jump.host)}"]
    elif target.proxy_command:
        options += ["-o", "ProxyCommand={}".format(target.proxy_command.replace("%", "%%"))]
    return options
