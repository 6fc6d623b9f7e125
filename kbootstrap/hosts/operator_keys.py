"""Host keys from the operator: a file in OpenSSH's `known_hosts` format, interpreted like OpenSSH does. Pure.

Format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT": names, addresses, patterns with `*` and `?`, negation with
`!`, `[host]:port`, hashed names, the markers `@cert-authority` and `@revoked`. Unlike asyncssh's reader, a
pattern such as `*` does not hide lines with plain names, and networks (`10.0.0.0/8`) are not patterns.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_PORT = 22
_MARKERS = ("@cert-authority", "@revoked")


@dataclass(frozen=True, slots=True)
class Line:
    """One key (`type base64`): `marker` is one of OpenSSH's, or empty; `hosts` is the unparsed field."""

    marker: str
    hosts: str
    key: str


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """The known keys of one host: its own, those of accepted certificate authorities, and revoked ones."""

    keys: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()


def parse(text: str) -> tuple[Line, ...]:
    """Parse a file; raises `ValueError` for an invalid line."""
    return tuple(_lines(text))


def _lines(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        if marker and marker not in _MARKERS:
            raise ValueError(f"line {number} has the unknown marker {marker}")
        if len(fields) < 3:
            raise ValueError(f"line {number} is truncated")
        hosts, kind, blob = fields[:3]
        try:
            base64.b64decode(blob, validate=True)
        except binascii.Error:
            continue  # like OpenSSH, which ignores unreadable keys
        yield Line(marker, hosts, f"{kind} {blob}")


def look_up(lines: Iterable[Line], host: str, port: int = _PORT) -> KnownKeys:
    """Return the file's keys of a host.

    For a port other than 22, `[host]:port` is looked up first. Lines of the host without a port are used for
    key types that the first lookup did not find (sshconnect.c, "checking without port identifier").
    """
    lines = tuple(lines)
    plain = _find(lines, host)
    if port == _PORT:
        return plain
    exact = _find(lines, f"[{host}]:{port}")
    kinds = {key.split()[0] for key in exact.keys}
    more = tuple(key for key in plain.keys if key.split()[0] not in kinds)
    return KnownKeys(
        _once((*exact.keys, *more)),
        _once((*exact.authorities, *plain.authorities)),
        _once((*exact.revoked, *plain.revoked)),
    )


def _find(lines: Iterable[Line], name: str) -> KnownKeys:
    found = [line for line in lines if matches(line.hosts, name)]
    revoked = {line.key for line in found if line.marker == "@revoked"}
    return KnownKeys(
        _once(line.key for line in found if not line.marker and line.key not in revoked),
        _once(line.key for line in found if line.marker == "@cert-authority" and line.key not in revoked),
        _once(revoked),
    )


def matches(hosts: str, name: str) -> bool:
    """Return whether the first field of a line matches a name; case-insensitive."""
    if hosts.startswith("|"):
        return _hashed(hosts, name.lower())
    found = False
    for pattern in hosts.lower().split(","):
        negated = pattern.startswith("!")
        if _wild(pattern.removeprefix("!")).fullmatch(name.lower()):
            if negated:
                return False
            found = True
    return found


def _wild(pattern: str) -> re.Pattern[str]:
    signs = {"*": ".*", "?": "."}
    return re.compile("".join(signs.get(sign, re.escape(sign)) for sign in pattern), re.DOTALL)


def _hashed(hosts: str, name: str) -> bool:
    """Compare a hashed name: `|1|salt|digest`, HMAC-SHA1."""
    parts = hosts.split("|")
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:4])
    except (binascii.Error, ValueError):
        return False
    return parts[1] == "1" and hmac.compare_digest(
        hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest
    )


def _once(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(keys))
