"""Reads three facts from a certificate: the start and end of its validity, and whether it is an authority.

RFC 5280, section 4.1, in DER (X.690). Read here, because `cryptography` announces to refuse certificates with
the serial number 0, which the authorities of k3s have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_BOOLEAN, _OCTETS, _OBJECT, _SEQUENCE = 0x01, 0x04, 0x06, 0x30
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_BASIC_CONSTRAINTS = bytes((0x55, 0x1D, 0x13))
"""2.5.29.19"""


@dataclass(frozen=True, slots=True)
class Validity:
    """The validity of a certificate (UTC), and whether it can sign others."""

    not_before: datetime
    not_after: datetime
    authority: bool


def read(der: bytes) -> Validity:
    """Read a certificate; raises `ValueError` if it is invalid."""
    (certificate,) = _items(der, _SEQUENCE)
    signed, *_ = _items(certificate, _SEQUENCE)
    fields = [one for one in _parts(signed) if one[0] != _VERSION]
    if len(fields) < 6:
        raise ValueError("a certificate is truncated")
    before, after = (_time(tag, text) for tag, text in _parts(fields[3][1]))
    extensions = next((content for tag, content in fields if tag == _EXTENSIONS), b"")
    return Validity(before, after, any(map(_is_authority, _listed(extensions))))


def _listed(extensions: bytes) -> Iterator[bytes]:
    for inner in _items(extensions, _SEQUENCE):
        yield from _items(inner, _SEQUENCE)


def _is_authority(extension: bytes) -> bool:
    parts = dict(_parts(extension))
    if parts.get(_OBJECT) != _BASIC_CONSTRAINTS:
        return False
    return any(
        tag == _BOOLEAN and value != b"\0"
        for inner in _items(parts.get(_OCTETS, b""), _SEQUENCE)
        for tag, value in _parts(inner)
    )


def _time(tag: int, text: bytes) -> datetime:
    """Read a time; years of two digits are 1950 to 2049 (RFC 5280, section 4.1.2.5.1)."""
    if tag == _UTC_TIME:
        text = (b"19" if text[:2] >= b"50" else b"20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("a certificate has no times")
    return datetime.strptime(text.decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _items(data: bytes, wanted: int) -> Iterator[bytes]:
    """Yield the contents of those parts that have the tag."""
    return (content for tag, content in _parts(data) if tag == wanted)


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each part of `data`."""
    while data:
        if len(data) < 2:
            raise ValueError("DER is cut")
        tag, length, head = data[0], data[1], 2
        if length & 0x80:
            head += length & 0x7F
            length = int.from_bytes(data[2:head], "big")
        if len(data) < head + length or head > 6:
            raise ValueError("DER is cut")
        yield tag, data[head : head + length]
        data = data[head + length :]
