"""The user's own SSH configuration, for machines that exist: HostName, Port, User, IdentityFile, ProxyJump.

Made machines do not use it: their addresses are new, and a `Host *` meant for others must not change them.
`ProxyCommand` and `Match exec` are not taken over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.inventory.model import SshTarget

_HOPS = 8
"""Bastions in a row; more is a configuration that jumps through itself."""
_PORT = 22


@dataclass(frozen=True, slots=True)
class _Settings:
    host: str
    port: int
    user: str
    identities: tuple[Path, ...]
    jumps: tuple[str, ...]


def resolve(target: SshTarget, configs: Sequence[Path], *, local_user: str) -> SshTarget:
    """Return `target` with what the configuration files say about its host.

    What the target says itself is kept: its user, its identities, its bastion, a port other than 22. Files
    that do not exist are left out; earlier ones win. Raises `PrerequisiteMissing` for a file that makes no
    sense.
    """
    files = [path for path in configs if path.is_file()]
    if not files:
        return target
    found = _read(files, target.host, user=target.user, port=target.port, local_user=local_user)
    return SshTarget(
        key_alias=target.key_alias,
        host=found.host,
        port=found.port,
        user=target.user,
        identities=target.identities or found.identities,
        jump=target.jump or _chain(found.jumps, files, local_user, _HOPS),
    )


def _chain(jumps: Sequence[str], files: Sequence[Path], local_user: str, hops: int) -> SshTarget | None:
    """Return the last bastion of `ProxyJump a,b`: b, reached through a."""
    before: SshTarget | None = None
    for word in jumps:
        if hops <= 0:
            raise PrerequisiteMissing(
                f"the SSH configuration jumps through more than {_HOPS} hosts",
                hint=f"check ProxyJump in {', '.join(map(str, files))}",
            )
        user, _, place = word.rpartition("@")
        host, port = _split(place)
        found = _read(files, host, user=user, port=port, local_user=local_user)
        alias = host if found.port == _PORT else f"[{host}]:{found.port}"
        before = SshTarget(
            key_alias=alias,
            host=found.host,
            port=found.port,
            user=user or found.user,
            identities=found.identities,
            jump=before or _chain(found.jumps, files, local_user, hops - 1),
        )
        hops -= 1
    return before


def _split(place: str) -> tuple[str, int]:
    """Cut `host`, `host:port` and `[address]:port`; port 22 where none is written."""
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        port = rest.removeprefix(":")
    elif place.count(":") == 1:
        host, _, port = place.partition(":")
    else:
        host, port = place, ""
    return host, int(port) if port.isdigit() else _PORT


def _read(files: Sequence[Path], host: str, *, user: str, port: int, local_user: str) -> _Settings:
    import asyncssh
    from asyncssh.config import SSHClientConfig

    try:
        config = SSHClientConfig.load(
            None,
            list(files),
            False,
            False,
            False,
            local_user,
            user or (),
            host,
            port if port != _PORT else (),
        )
    except (asyncssh.ConfigParseError, OSError, UnicodeDecodeError) as error:
        raise PrerequisiteMissing(f"cannot read your SSH configuration: {error}") from error
    jumps = str(config.get("ProxyJump") or "")
    named = config.get("IdentityFile") or ()
    identities = tuple(Path(str(name)).expanduser() for name in _texts(named))
    return _Settings(
        host=str(config.get("Hostname") or host),
        port=int(str(config.get("Port") or port)),
        user=str(config.get("User") or user or local_user),
        identities=tuple(path for path in identities if path.exists()),
        jumps=()
        if jumps.lower() == "none"
        else tuple(word.strip() for word in jumps.split(",") if word.strip()),
    )


def _texts(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
