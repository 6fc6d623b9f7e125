"""Host keys that the operator knows: read from the file that `known_hosts` of the spec names.

Format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT", hashed names and patterns included. The file decides, also
against a pin of ours: it is part of a machine's identity (see `identity`), so a file that says something else
is a new machine, whose key must be in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from kbootstrap.core.errors import CredentialsRefused, PrerequisiteMissing
from kbootstrap.hosts.known_hosts import KnownHosts
from kbootstrap.providers.context import ProviderContext
from kbootstrap.spec.model import FromFile
from kbootstrap.spec.references import Reader

if TYPE_CHECKING:
    import asyncssh

Known = Callable[[str, int], tuple[str, ...]]
"""Returns the keys (`type base64`) of a machine by its address and port."""


def known(context: ProviderContext) -> Known | None:
    """Return what the operator's file knows; None where the spec names no file.

    Raises `CredentialsRefused` when it cannot be read.
    """
    named = context.cluster.provider.settings.get("known_hosts")
    if named is None:
        return None
    import asyncssh

    reader = Reader(context.space.base.parent, context.env, "host keys", "KB0650")
    file = FromFile(named["file"])
    text = reader.text(file, public=True)
    try:
        found = asyncssh.import_known_hosts(text)
    except ValueError as error:
        raise CredentialsRefused(
            f"the file {reader.path(file)}, which the spec names for host keys, makes no sense: {error}",
            hint="each line is a name or address, a type and a key, as ssh-keyscan prints them",
            code="KB0650",
        ) from error
    return lambda host, port: _keys(found, host, port)


def _keys(found: asyncssh.SSHKnownHosts, host: str, port: int) -> tuple[str, ...]:
    """Return the keys of one machine; OpenSSH looks up the port only where it is not 22."""
    trusted, _, revoked, *_ = found.match(host, host if _is_address(host) else "", port)
    texts = (
        " ".join(k.export_public_key("openssh").decode().split()[:2]) for k in trusted if k not in revoked
    )
    return tuple(dict.fromkeys(texts))


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def verify(wanted: Collection[tuple[str, tuple[str, ...]]]) -> None:
    """Raise `PrerequisiteMissing` for machines without a key; `wanted` are names with addresses, and keys."""
    missing = [name for name, keys in wanted if not keys]
    if missing:
        raise unknown(missing)


def unknown(names: Collection[str]) -> PrerequisiteMissing:
    """Make the error for machines whose key nobody knows."""
    return PrerequisiteMissing(
        f"known_hosts of the spec has no key of {', '.join(names)}",
        hint="add their lines (ssh-keyscan ADDRESS prints them; compare with what the machine's console "
        "says), or take known_hosts out of the spec to pin keys on first contact",
        code="KB0651",
    )


def identity(alias: str, address: str, keys: tuple[str, ...], context: ProviderContext) -> str:
    """Return what identifies a machine: its address, and its keys where the operator's file has them.

    Without a file whatever was pinned for the address stays.
    """
    if keys:
        return f"{address}/{hashlib.sha256(' '.join(sorted(keys)).encode()).hexdigest()[:16]}"
    pin = KnownHosts(context.space.known_hosts).pin(alias)
    return pin.instance if pin and pin.instance.partition("/")[0] == address else address
