"""kbootstrap's file of pinned host keys, in the format of OpenSSH's `known_hosts`.

A line is `<alias> <type> <base64> instance=<id>`. The alias is the node's name (addresses are reused, names
are not); the comment identifies the machine that had the key. `ssh -o UserKnownHostsFile=FILE
-o HostKeyAlias=NODE` reads the same file. Format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from kbootstrap.core import files
from kbootstrap.core.errors import PrerequisiteMissing

_LOCK_WAIT = 20.0
"""Seconds. Other processes hold the lock only for milliseconds."""
_INSTANCE = "instance="


@dataclass(frozen=True, slots=True)
class Pin:
    """The host keys (`type base64`) of the machine `instance` under the name `alias`."""

    alias: str
    instance: str
    keys: tuple[str, ...]


def fingerprint(key: str) -> str:
    """Return the fingerprint of a public key (`type base64`) as `ssh-keygen -l`: `SHA256:… (ssh-ed25519)`."""
    kind, blob = key.split()[:2]
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')} ({kind})"


class KnownHosts:
    """The pin file at `path`; created with mode 0600 when the first key is pinned."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pin(self, alias: str) -> Pin | None:
        """Return the pin of a name; raises `PrerequisiteMissing` for an invalid file."""
        wanted = host_pattern(alias)
        keys: list[str] = []
        instance = ""
        for number, line in enumerate(self._lines(), start=1):
            fields = self._fields(line, number)
            if fields is None or fields[0] != wanted:
                continue
            keys.append(f"{fields[1]} {fields[2]}")
            for word in fields[3:]:
                if word.startswith(_INSTANCE):
                    instance = unquote(word.removeprefix(_INSTANCE))
        return Pin(alias, instance, tuple(keys)) if keys else None

    def has(self, alias: str, instance: str) -> bool:
        """Return whether a key of this machine is pinned under the name."""
        pin = self.pin(alias)
        return pin is not None and pin.instance == instance

    def store(self, pin: Pin) -> None:
        """Pin the keys of a machine, replacing all other keys of its name."""
        comment = _INSTANCE + quote(pin.instance, safe="/:@._-")
        new = [f"{host_pattern(pin.alias)} {' '.join(key.split()[:2])} {comment}" for key in pin.keys]
        self._replace(pin.alias, new)

    def forget(self, alias: str) -> None:
        """Remove all keys of a name; the file may be absent."""
        if self.path.exists():
            self._replace(alias, [])

    def _replace(self, alias: str, new: Sequence[str]) -> None:
        wanted = host_pattern(alias)
        with files.locked(self.path.with_name(self.path.name + ".lock"), wait=_LOCK_WAIT):
            kept = [line for line in self._lines() if line.split(maxsplit=1)[:1] != [wanted]]
            lines = [*kept, *new]
            files.write_if_changed(self.path, "".join(f"{line}\n" for line in lines), mode=0o600)

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise PrerequisiteMissing(
                f"cannot read the pinned host keys in {self.path}: {error.strerror}", code="KB0707"
            ) from error

    def _fields(self, line: str, number: int) -> list[str] | None:
        fields = line.split()
        if not fields or fields[0].startswith(("#", "@", "|")):
            return None
        try:
            if len(fields) < 3:
                raise ValueError
            base64.b64decode(fields[2], validate=True)
        except (ValueError, binascii.Error):
            raise PrerequisiteMissing(
                f"line {number} of {self.path} is not a pinned host key",
                hint="remove the line; the key of that machine is then pinned again on first contact",
                code="KB0707",
            ) from None
        return fields


def host_pattern(alias: str) -> str:
    """Return the alias as written in the file: lower case, as in OpenSSH, without pattern characters."""
    return re.sub(r"[^a-z0-9.:_@\[\]-]", "_", alias.lower())
