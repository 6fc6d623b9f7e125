"""The OpenSSH command line for `kbootstrap ssh`: user, keys, pins, bastion as our own connections. Pure."""

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

    The host key must be pinned in `known_hosts` already (connecting once with our own client does it), else
    ssh refuses. The user's ssh configuration is left out (`-F none`): it was read when the target was made.
    The words of `command` are joined with spaces and given to the remote shell, as `ssh` does it.
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
        # ProxyJump cannot carry the bastion's own alias and keys; a proxy command can. `%` is ssh's own sign.
        inner = _options(target.jump, known_hosts, program)
        through = shlex.join([program, *inner]).replace("%", "%%")
        options += ["-o", f"ProxyCommand={through} -W '[%h]:%p' -- {shlex.quote(target.jump.host)}"]
    elif target.proxy_command:
        options += ["-o", "ProxyCommand={}".format(target.proxy_command.replace("%", "%%"))]
    return options
