"""Host keys that the operator knows: read from the file that `known_hosts` of the spec names.

The file decides, also against a pin of ours: it is part of a machine's identity (see `_identity`), so a file
that says something else is a new machine, whose key must be in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import replace

from kbootstrap.core.errors import CredentialsRefused, PrerequisiteMissing
from kbootstrap.hosts.known_hosts import KnownHosts
from kbootstrap.hosts.operator_keys import KnownKeys, Line, look_up, parse
from kbootstrap.inventory.model import SshTarget
from kbootstrap.providers.context import ProviderContext
from kbootstrap.spec.model import FromFile
from kbootstrap.spec.references import Reader

_PORT = 22


class Trust:
    """What the operator's file knows, where the spec names one. Raises `CredentialsRefused` for a bad one."""

    def __init__(self, context: ProviderContext) -> None:
        self._context = context
        named = context.cluster.provider.settings.get("known_hosts")
        self._lines = _read(FromFile(named["file"]), context) if named else None

    def known(self, target: SshTarget, address: str) -> SshTarget:
        """Return a target with its keys and its identity, and so every bastion on the way to it.

        `address` identifies the machine; how SSH gets there may change.
        """
        found = KnownKeys()
        if self._lines is not None:
            name, port = (target.known_as, _PORT) if target.known_as else (target.host, target.port)
            found = look_up(self._lines, name, port)
        jump = target.jump
        return replace(
            target,
            jump=jump if jump is None or jump.instance else self.known(jump, jump.host),
            instance=_identity(target.key_alias, address, found, self._context),
            host_keys=found.keys,
            authorities=found.authorities,
            revoked=found.revoked,
        )

    def lacking(self, target: SshTarget) -> Iterator[str]:
        """Yield the names of those, from the first bastion to the machine, that the file does not know."""
        if self._lines is None:
            return
        if target.jump is not None:
            yield from self.lacking(target.jump)
        if not target.host_keys and not target.authorities:
            yield f"{target.key_alias} ({target.host})"


def _read(file: FromFile, context: ProviderContext) -> tuple[Line, ...]:
    reader = Reader(context.space.base.parent, context.env, "host keys", "KB0650")
    text = reader.text(file, public=True)
    try:
        return parse(text)
    except ValueError as error:
        raise CredentialsRefused(
            f"the file {reader.path(file)}, which the spec names for host keys, makes no sense: {error}",
            hint="each line is a name or address, a type and a key, as ssh-keyscan prints them",
            code="KB0650",
        ) from error


def unknown(names: Collection[str]) -> PrerequisiteMissing:
    """Make the error for machines whose key the file does not have."""
    return PrerequisiteMissing(
        f"known_hosts of the spec has no key of {', '.join(names)}",
        hint="add their lines (ssh-keyscan ADDRESS prints them; compare with what the machine's console "
        "says), or take known_hosts out of the spec to pin keys on first contact",
        code="KB0651",
    )


def _identity(alias: str, address: str, known: KnownKeys, context: ProviderContext) -> str:
    """Return what identifies a machine: its address, and its keys where the operator's file has them.

    Without a file whatever was pinned for the address stays.
    """
    keys = sorted((*known.keys, *(f"@cert-authority {key}" for key in known.authorities)))
    if keys:
        return f"{address}/{hashlib.sha256(' '.join(keys).encode()).hexdigest()[:16]}"
    pin = KnownHosts(context.space.known_hosts).pin(alias)
    return pin.instance if pin and pin.instance.partition("/")[0] == address else address
