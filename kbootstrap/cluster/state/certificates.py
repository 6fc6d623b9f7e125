"""Certificates of a node as data, read from the files of its distribution; pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from kbootstrap.cluster.state import x509

Kind = Literal["ca", "leaf"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The first certificate of a file.

    `name` is the file's path below the data folder of the distribution: `server/tls/client-admin.crt`. Times
    are in UTC: it is valid from `not_before` to `not_after`. An authority is as old as its cluster.
    """

    name: str
    not_after: datetime
    kind: Kind = "leaf"
    not_before: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def days(self, now: datetime) -> int:
        """Return the whole days that are left; negative if it has expired."""
        return (self.not_after - now) // timedelta(days=1)


def read(name: str, encoded: str) -> Certificate | None:
    """Read a certificate (base64 of DER); None if it is invalid: the service replaces it too."""
    try:
        found = x509.read(base64.b64decode(encoded, validate=True))
    except ValueError:
        return None
    return Certificate(name, found.not_after, "ca" if found.authority else "leaf", found.not_before)
