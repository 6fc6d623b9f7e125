"""Host keys from the file that `known_hosts` of the spec names.

The file takes precedence over a pinned key. Its keys are part of a machine's identity (see `_identity`): a
changed key in the file means a new machine, whose key must be in the file.
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
    """The host keys of the spec's known_hosts file, if set. Raises `CredentialsRefused` if it is invalid."""

    def __init__(self, context: ProviderContext) -> None:
        self._context = context
        named = context.cluster.provider.settings.get("known_hosts")
        self._lines = _read(FromFile(named["file"]), context) if named else None

    def known(self, target: SshTarget, address: str) -> SshTarget:
        """Return the target with its keys and its identity, also for each bastion in front of it.

        `address` identifies the machine; the SSH route may change.
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
        """Yield the names of hosts without a key in the file, from the first bastion to the machine."""
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
            f"the file {reader.path(file)}, which the spec names for host keys, cannot be parsed: {error}",
            hint="each line has a name or address, a key type and a key, as ssh-keyscan prints them",
            code="KB0650",
        ) from error


def unknown(names: Collection[str]) -> PrerequisiteMissing:
    """Return the error for machines whose key is not in the file."""
    return PrerequisiteMissing(
        f"the known_hosts file of the spec has no key for {', '.join(names)}",
        hint="add their lines (ssh-keyscan ADDRESS prints them; compare them with the machine's console), or "
        "remove known_hosts from the spec to pin keys on first contact",
        code="KB0651",
    )


def _identity(alias: str, address: str, known: KnownKeys, context: ProviderContext) -> str:
    """Return the identity of a machine: its address, and its keys if the operator's file has them.

    Without a file, the pinned identity for the address is kept.
    """
    keys = sorted((*known.keys, *(f"@cert-authority {key}" for key in known.authorities)))
    if keys:
        return f"{address}/{hashlib.sha256(' '.join(keys).encode()).hexdigest()[:16]}"
    pin = KnownHosts(context.space.known_hosts).pin(alias)
    return pin.instance if pin and pin.instance.partition("/")[0] == address else address
