"""The certificates of the connection with Cluster Autoscaler: an authority, and one for each side.

Certificates are renewed when a third of their time is left. An authority with less than two years left gets a
successor, which signs what is renewed from then on; both are trusted until the old one expires. So each side
trusts the new authority months before it meets a certificate of it, and neither refuses the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kbootstrap.autoscaler.issuing import issue, key_pem, load_key, new_authority, pem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

_LEFT_AUTHORITY = timedelta(days=730)
FILES = ("ca.crt", "ca.key", "server.crt", "server.key", "client.crt", "client.key")
SERVER, CLIENT = "kbootstrap-autoscaler", "cluster-autoscaler"


@dataclass(frozen=True, slots=True)
class Renewed:
    """All files by name; `made` is what is new of "ca", "server" and "client"."""

    files: Mapping[str, bytes]
    made: tuple[str, ...]


def renew(present: Mapping[str, bytes], names: Sequence[str], now: datetime) -> Renewed:
    """Return valid files: those present, and new ones for those that are missing, unfit, or expire soon.

    `names` are DNS names or addresses of the server; Cluster Autoscaler verifies the host of its `address`.
    Pure, apart from chance.
    """
    made: list[str] = []
    trusted, key = _authorities(present, now)
    if key is None or trusted[0].not_valid_after_utc - now < _LEFT_AUTHORITY:
        successor, key = new_authority(f"{SERVER} CA {now:%Y-%m-%d}", now)
        trusted = [successor, *trusted]
        made.append("ca")
    files = {"ca.crt": b"".join(map(pem, trusted)), "ca.key": key_pem(key)}
    for side, common in (("server", SERVER), ("client", CLIENT)):
        own = tuple(names) if side == "server" else ()
        pair = {name: present.get(name, b"") for name in (f"{side}.crt", f"{side}.key")}
        if not _good(pair[f"{side}.crt"], pair[f"{side}.key"], trusted, own, now):
            certificate, own_key = issue(common, own, trusted[0], key, now)
            pair = {f"{side}.crt": pem(certificate), f"{side}.key": key_pem(own_key)}
            made.append(side)
        files |= pair
    return Renewed(files, tuple(made))


def _authorities(
    present: Mapping[str, bytes], now: datetime
) -> tuple[list[Certificate], EllipticCurvePrivateKey | None]:
    """Return the authorities that have not expired, and the key of the first one if it is there."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(present.get("ca.crt", b""))
    except ValueError:
        return [], None
    valid = [one for one in found if one.not_valid_after_utc > now]
    try:
        key = load_key(present.get("ca.key", b""))
    except (ValueError, TypeError):
        return valid, None
    return valid, key if valid and key.public_key() == valid[0].public_key() else None


def _good(
    certificate_pem: bytes, key: bytes, trusted: Sequence[Certificate], names: Sequence[str], now: datetime
) -> bool:
    """Return whether a certificate can stay."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        fits = load_key(key).public_key() == certificate.public_key()
    except (ValueError, TypeError):
        return False
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    lasting = begin <= now and end - now > (end - begin) / 3
    issued = any(issued_by(certificate, authority) for authority in trusted)
    return fits and lasting and issued and _names(certificate) == set(names)


def issued_by(certificate: Certificate, authority: Certificate) -> bool:
    """Return whether an authority issued a certificate."""
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(certificate: Certificate) -> set[str]:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = found.get_values_for_type(x509.IPAddress)
    return {*found.get_values_for_type(x509.DNSName), *map(str, addresses)}
