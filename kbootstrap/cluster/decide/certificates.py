"""Certificates of a node: which of them expire soon, and what to do about it; pure.

Source: docs.k3s.io, "k3s certificate": leaves are valid for 365 days, and the service renews them when
it starts and fewer than 120 days are left (90 in releases before May 2025); authorities are valid for ten
years and never renewed by themselves. RKE2 does the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from kbootstrap.cluster.state.certificates import Certificate, Kind
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.core.diagnostics import Diagnostic, Severity

LEAF_WARNING, CA_WARNING = 90, 365
"""Days. With fewer than 90 every release renews a leaf when it starts; a new authority takes planning."""


def first(certificates: Iterable[Certificate], kind: Kind) -> Certificate | None:
    """Return the certificate of a kind that expires first; None if there is none."""
    found = [one for one in certificates if one.kind == kind]
    return min(found, key=lambda one: (one.not_after, one.name), default=None)


def ending(facts: NodeFacts, kind: Kind) -> Certificate | None:
    """Return the certificate of a node that expires first, if it expires soon or has expired."""
    found = first(facts.certificates, kind)
    limit = CA_WARNING if kind == "ca" else LEAF_WARNING
    return found if found and found.days(facts.time) < limit else None


def problems(facts: Mapping[str, NodeFacts]) -> Iterator[Diagnostic]:
    """Yield a warning for leaf certificates, and one for authorities, that expire soon or have expired."""
    if leaves := _ending(facts, "leaf"):
        yield Diagnostic(
            "KB0880",
            _reason(leaves, facts),
            "kbootstrap rotate certificates SPEC renews them, one node after the other",
            severity=Severity.WARNING,
        )
    if authorities := _ending(facts, "ca"):
        yield Diagnostic(
            "KB0881",
            _reason(authorities, facts),
            "plan its replacement; see kbootstrap explain KB0881",
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
        return f"expired on {date}"
    return f"expires in {days} day{'' if days == 1 else 's'} ({date})"
