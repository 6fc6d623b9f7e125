"""The user's SSH configuration, for existing machines: kbootstrap can reach what `ssh HOST` can reach.

OpenSSH itself evaluates the files (`ssh -G`), so that Include, Match, tokens and canonical names have their
usual meaning. HostName, Port, User, IdentityFile, IdentitiesOnly, IdentityAgent, ProxyJump, ProxyCommand and
HostKeyAlias are used; the spec takes precedence.

It is not used for machines that kbootstrap creates: a `Host *` for other machines must not affect them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.process import Runner
from kbootstrap.inventory.model import SshTarget

SYSTEM = Path("/etc/ssh/ssh_config")
_HOPS = 8
"""Maximum number of chained bastions; more indicate a configuration that jumps through itself."""
_PORT = 22
_DEADLINE = 30.0
"""Seconds. `Match exec` may run a program."""
_NAME = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:-]*")
"""Host names that may be passed to OpenSSH: `%h` of a ProxyCommand or `Match exec` is passed to a shell."""
_UNSET = "kbootstrap-unset"
"""A placeholder that shows that no file sets a user: OpenSSH uses the first value that it finds."""
_LAST = f"Host *\nUser {_UNSET}\nIdentityFile none\n"


@dataclass(frozen=True, slots=True)
class HostQuery:
    """The spec's settings for reaching a machine; with `port` 0 and `user` "" the configuration decides.

    `default_user` is used if neither the spec nor the configuration sets a user. `jump` takes precedence over
    ProxyJump.
    """

    alias: str
    host: str
    port: int
    user: str
    default_user: str
    identities: tuple[Path, ...] = ()
    jump: SshTarget | None = None


def usual_files(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files that OpenSSH reads, the user's file first."""
    home = env.get("HOME")
    return (*([Path(home, ".ssh", "config")] if home else ()), SYSTEM)


class SshConfig:
    """The configuration in `files`, as evaluated by this machine's OpenSSH client; earlier files win.

    Without that client, or without files, no settings are used.
    """

    def __init__(self, runner: Runner, files: Sequence[Path], env: Mapping[str, str]) -> None:
        self._runner = runner
        self._env = env
        self._files = [path for path in files if path.is_file()]
        self._program = runner.which("ssh") if self._files else None

    async def target(self, wanted: HostQuery) -> SshTarget:
        """Return how to reach a machine; raises `PrerequisiteMissing` for files that OpenSSH refuses."""
        return await self._target(wanted, _HOPS)

    async def _target(self, wanted: HostQuery, hops: int) -> SshTarget:
        if hops < 0:
            raise PrerequisiteMissing(
                f"the SSH configuration jumps through more than {_HOPS} hosts",
                hint=f"check ProxyJump in {', '.join(map(str, self._files))}",
                code="KB0713",
            )
        user = wanted.user or wanted.default_user
        own = SshTarget(wanted.alias, wanted.host, wanted.port or _PORT, user, wanted.identities, wanted.jump)
        if self._program is None or not _NAME.fullmatch(wanted.host):
            return own
        said = await self._ask(wanted.host, wanted.port, wanted.user)
        if not wanted.user and said["user"] == [_UNSET]:  # `Match user` is evaluated for the login user
            said = {**await self._ask(wanted.host, wanted.port, user), "user": [user]}
        found = {key: values[0] for key, values in said.items()}
        own = replace(
            own,
            host=found["hostname"],
            port=int(found["port"]),
            user=found["user"],
            known_as=found.get("hostkeyalias", ""),
            agent=_agent(found.get("identityagent", "")),
        )
        if not wanted.identities:
            identities = self._identities(said["identityfile"], own, wanted.host)
            only = not identities or found["identitiesonly"] == "yes"
            own = replace(own, identities=identities, identities_only=only)
        if wanted.jump is not None:
            return own
        if (jumps := found.get("proxyjump", "none")) != "none":
            return replace(own, jump=await self._chain(jumps.split(","), hops - 1))
        if (command := found.get("proxycommand", "none")) != "none":
            return replace(own, proxy_command=self._expanded(command, own, wanted.host))
        return own

    def _identities(self, words: Sequence[str], target: SshTarget, original: str) -> tuple[Path, ...]:
        """Return the existing files of IdentityFile; a public key selects a key of the agent."""
        found = []
        for word in words:
            text = self._expanded(word, target, original)
            path = Path(self._env.get("HOME", "~"), text[2:]) if text.startswith("~/") else Path(text)
            halves = (path, path.with_name(f"{path.name}.pub"))
            found += [half for half in halves if word != "none" and half.is_file()][:1]
        return tuple(found)

    async def _chain(self, jumps: Sequence[str], hops: int) -> SshTarget | None:
        """Return the last bastion of `ProxyJump a,b`: b, reached through a."""
        before: SshTarget | None = None
        for word in jumps:
            user, _, place = word.strip().removeprefix("ssh://").rpartition("@")
            host, port = _split(place)
            alias = host if port in (0, _PORT) else f"[{host}]:{port}"
            wanted = HostQuery(alias, host, port, user, _local_user(self._env), jump=before)
            before = await self._target(wanted, hops)
            hops -= 1
        return before

    async def _ask(self, host: str, port: int, user: str) -> dict[str, list[str]]:
        """Return the output of `ssh -G`, by key in lower case."""
        options = [*(["-p", str(port)] if port else []), *(["-l", user] if user else [])]
        text = "".join(f'Include "{path}"\n' for path in self._files) + _LAST
        done = await self._runner.run(
            [str(self._program), "-G", "-T", "-F", "/dev/stdin", *options, "--", host],
            stdin=text.encode(),
            deadline=_DEADLINE,
            check=False,
        )
        if done.status != 0:
            raise PrerequisiteMissing(
                f"cannot read your SSH configuration for {host}: OpenSSH refuses it",
                detail=done.tail or None,
                hint=f"`ssh -G {host}` says the same; or set `openssh_config: false` at the provider",
                code="KB0713",
            )
        said: dict[str, list[str]] = {"identityfile": [], "identitiesonly": ["no"]}
        for key, _, value in (line.partition(" ") for line in done.stdout.splitlines()):
            said[key] = [*said.get(key, []), value] if key == "identityfile" else [value]
        return said

    def _expanded(self, text: str, target: SshTarget, original: str) -> str:
        """Expand the tokens of IdentityFile and ProxyCommand (ssh_config(5), TOKENS)."""
        tokens = {
            "%": "%",
            "d": self._env.get("HOME", "~"),
            "h": target.host,
            "k": target.known_as or original,
            "n": original,
            "p": str(target.port),
            "r": target.user,
            "u": _local_user(self._env),
            "i": str(os.getuid()),
        }
        text = re.sub(r"\$\{(\w+)\}", lambda found: self._env.get(found[1], found[0]), text)
        return re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), text)


def _agent(word: str) -> str:
    """Return the socket of the agent; empty for the default one."""
    return "" if word == "SSH_AUTH_SOCK" else word


def _local_user(env: Mapping[str, str]) -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return env.get("USER", "root")


def _split(place: str) -> tuple[str, int]:
    """Split `host`, `host:port` and `[address]:port`; port 0 if none is given."""
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        port = rest.removeprefix(":")
    elif place.count(":") == 1:
        host, _, port = place.partition(":")
    else:
        host, port = place, ""
    return host, int(port) if port.isdigit() else 0
