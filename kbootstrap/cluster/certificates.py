"""Certificates of a node: what its files say, which of them run out soon, and what to do then; pure.

Source: docs.k3s.io, "k3s certificate": leaves are valid for 365 days, and the service makes them anew when
it starts and fewer than 120 days are left (90 in releases before May 2025); authorities are valid for ten
years and never made anew by themselves. RKE2 does the same.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from kbootstrap.cluster import x509
from kbootstrap.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from kbootstrap.cluster.model import NodeFacts

LEAF_WARNING, CA_WARNING = 90, 365
"""Days. With fewer than 90 every release makes a leaf anew when it starts; a new authority takes planning."""

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
        """Return the whole days that are left, negative when it has run out."""
        return (self.not_after - now) // timedelta(days=1)


def read(name: str, encoded: str) -> Certificate | None:
    """Read a certificate (base64 of DER); None for what is none: the service makes that anew as well."""
    try:
        found = x509.read(base64.b64decode(encoded, validate=True))
    except ValueError:
        return None
    return Certificate(name, found.not_after, "ca" if found.authority else "leaf", found.not_before)


def first(certificates: Iterable[Certificate], kind: Kind) -> Certificate | None:
    """Return the certificate of a kind that runs out first, None where there is none."""
    found = [one for one in certificates if one.kind == kind]
    return min(found, key=lambda one: (one.not_after, one.name), default=None)


def ending(facts: NodeFacts, kind: Kind) -> Certificate | None:
    """Return the first certificate of a node, where it runs out soon or has run out."""
    found = first(facts.certificates, kind)
    limit = CA_WARNING if kind == "ca" else LEAF_WARNING
    return found if found and found.days(facts.time) < limit else None


def problems(facts: Mapping[str, NodeFacts]) -> Iterator[Diagnostic]:
    """Yield a warning for leaves, and one for authorities, that run out soon or have run out."""
    if leaves := _ending(facts, "leaf"):
        yield Diagnostic(
            "KB0880",
            "Certificates run out",
            _reason(leaves, facts),
            "kbootstrap rotate certificates SPEC makes them anew, one node after the other",
            severity=Severity.WARNING,
        )
    if authorities := _ending(facts, "ca"):
        yield Diagnostic(
            "KB0881",
            "Certificate authority runs out",
            _reason(authorities, facts),
            "plan its replacement; kbootstrap explain KB0881 tells how",
            severity=Severity.WARNING,
        )


def _ending(facts: Mapping[str, NodeFacts], kind: Kind) -> dict[str, Certificate]:
    found = {name: ending(one, kind) for name, one in facts.items()}
    return {name: one for name, one in found.items() if one}


def _reason(found: Mapping[str, Certificate], facts: Mapping[str, NodeFacts]) -> str:
    name = min(found, key=lambda one: (found[one].not_after, one))
    worst = found[name]
    others = f", and others on {_nodes(len(found) - 1)}" if len(found) > 1 else ""
    return f"On {name} {worst.name} {until(worst, facts[name].time)}{others}."


def _nodes(number: int) -> str:
    return f"{number} more node{'s' if number > 1 else ''}"


def until(one: Certificate, now: datetime) -> str:
    """Say when a certificate runs out: `runs out in 12 days (2027-01-03)`."""
    days, date = one.days(now), f"{one.not_after.astimezone(UTC):%Y-%m-%d}"
    if one.not_after <= now:
        return f"has run out on {date}"
    return f"runs out in {days} day{'' if days == 1 else 's'} ({date})"
