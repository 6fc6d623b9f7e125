"""The server's certificate files, as they are read: at the start, and again when they change.

Files that do not fit together are not used; the last good ones stay in force. A Secret that is mounted
changes all its files at once, but a copy may be read between two of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kbootstrap.autoscaler.certificates import issued_by
from kbootstrap.core.errors import CredentialsRefused

AUTHORITY, CERTIFICATE, KEY = "ca.crt", "tls.crt", "tls.key"
"""Names of the files, as in Secrets of type `kubernetes.io/tls`."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Certificate, key and authority in PEM form, and when the certificate expires (epoch)."""

    certificate: bytes
    key: bytes
    authority: bytes
    expires: float


class Files:
    """The files of a folder. `report` is called with what is wrong with changed files."""

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self._folder, self._report = folder, report
        self._mark = self._now()
        self.pair = read(folder)

    def reload(self) -> bool:
        """Read changed files; return whether there is a new pair."""
        mark = self._now()
        if mark == self._mark:
            return False
        self._mark = mark
        try:
            self.pair = read(self._folder)
        except CredentialsRefused as error:
            self._report(error.message)
            return False
        return True

    def _now(self) -> tuple[tuple[int, int, int], ...]:
        marks = []
        for name in (AUTHORITY, CERTIFICATE, KEY):
            try:
                status = (self._folder / name).stat()
                marks.append((status.st_mtime_ns, status.st_size, status.st_ino))
            except OSError:
                marks.append((0, 0, 0))
        return tuple(marks)


def read(folder: Path) -> Pair:
    """Read and check the files: the key belongs to the certificate, which is valid and of the authority.

    Raises `CredentialsRefused` (KB1402).
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    found = {}
    for name in (AUTHORITY, CERTIFICATE, KEY):
        try:
            found[name] = (folder / name).read_bytes()
        except OSError as error:
            raise _refused(f"cannot read {folder / name}: {error.strerror}") from error
    try:
        certificate = x509.load_pem_x509_certificate(found[CERTIFICATE])
        authorities = x509.load_pem_x509_certificates(found[AUTHORITY])
        key = load_pem_private_key(found[KEY], None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _refused(f"a file in {folder} is no certificate or key in PEM form") from error
    if key.public_key() != certificate.public_key():
        raise _refused(f"{folder / KEY} is not the key of {CERTIFICATE}")
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        raise _refused(f"{folder / CERTIFICATE} is valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d}")
    if not any(issued_by(certificate, authority) for authority in authorities):
        raise _refused(f"{folder / CERTIFICATE} was not issued by an authority in {AUTHORITY}")
    expires = certificate.not_valid_after_utc.timestamp()
    return Pair(found[CERTIFICATE], found[KEY], found[AUTHORITY], expires)


def _refused(message: str) -> CredentialsRefused:
    hint = "`kbootstrap autoscaler certificates` writes and renews them"
    return CredentialsRefused(message, hint=hint, code="KB1402")
