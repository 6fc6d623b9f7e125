"""The last snapshot of a cluster, and whether it is older than its schedule allows; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kbootstrap.cluster.state.certificates import Certificate
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.snapshots import S3, Snapshot, ordered
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.spec import cron
from kbootstrap.spec.model import Snapshots

_GRACE = timedelta(minutes=15)
"""The time that a snapshot and its copy may take after the scheduled moment."""


@dataclass(frozen=True, slots=True)
class LastSnapshots:
    """The newest snapshot on the servers' disks, and in the bucket if the spec has one.

    `late` are those places (`servers`, `s3`) whose newest is older than the schedule of the spec allows, or
    that have none. `problem` says why the bucket could not be looked at. `now` is the servers' clock.
    """

    now: datetime
    server: Snapshot | None = None
    bucket: Snapshot | None = None
    schedule: str | None = None
    late: tuple[str, ...] = ()
    problem: str = ""

    @property
    def newest(self) -> Snapshot | None:
        """The newest snapshot; of two from the same moment, the one on a server."""
        return next(iter(ordered(one for one in (self.server, self.bucket) if one)), None)


def judge(
    wanted: Snapshots | None,
    facts: Mapping[str, NodeFacts],
    bucket: Iterable[Snapshot] = (),
    problem: str = "",
) -> LastSnapshots | None:
    """Return the last snapshots; None if no server could be inspected.

    `bucket` are those found there, `problem` why that failed. Without a schedule of the spec nothing is late;
    neither is a cluster that is younger than the schedule's longest gap.
    """
    servers = [found for found in facts.values() if found.etcd]
    if not servers:
        return None
    now = max(found.time for found in servers)
    newest = next(iter(ordered(found.snapshot for found in servers if found.snapshot)), None)
    copied = next(iter(ordered(bucket)), None)
    places = {"servers": newest}
    if wanted and wanted.s3 and not problem:
        places[S3] = copied
    late = tuple(_late(wanted, places, _founded(servers, now), now)) if wanted else ()
    return LastSnapshots(now, newest, copied, wanted.schedule if wanted else None, late, problem)


def problems(found: LastSnapshots | None) -> Iterator[Diagnostic]:
    """Yield a warning for each place whose last snapshot is too old."""
    for place in found.late if found else ():
        where = "in the bucket" if place == S3 else "on the servers"
        newest = found.bucket if found and place == S3 else found.server if found else None
        schedule = found.schedule if found else ""
        said = f"the newest is of {made(newest):%Y-%m-%d %H:%M} UTC" if newest else "there is none"
        yield Diagnostic(
            "KB0882",
            f"Of the snapshots {where} {said}; the schedule is `{schedule}`.",
            "the journal of a server says why; kbootstrap snapshot save makes one now",
            severity=Severity.WARNING,
        )


def made(one: Snapshot) -> datetime:
    """Return when a snapshot was created (UTC)."""
    return datetime.fromtimestamp(one.made, UTC)


def _late(
    wanted: Snapshots, places: Mapping[str, Snapshot | None], founded: datetime, now: datetime
) -> Iterator[str]:
    gap = cron.longest_gap(wanted.schedule)
    if gap is None or now - founded <= gap + _GRACE:
        return
    for place, newest in places.items():
        if newest is None or now - made(newest) > gap + _GRACE:
            yield place


def _founded(servers: Iterable[NodeFacts], now: datetime) -> datetime:
    """Return when the cluster was created: the age of its authorities; `now` if none was read."""
    authorities: list[Certificate] = [
        one for found in servers for one in found.certificates if one.kind == "ca"
    ]
    return min((one.not_before for one in authorities), default=now)
