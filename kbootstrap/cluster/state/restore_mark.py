"""The progress of a restore: one line on every server, read with the facts; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from kbootstrap.cluster.state.snapshots import Snapshot

CARRIES = ("reset", "serving")
"""Stages of the server that carries the restored data: `serving` once stale Node objects are gone too."""

REHEARSAL = "rehearsal"
"""Stage of a server on which a snapshot is only rehearsed: nothing else may be done with it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """`stage` is `begun`, then `reset` and `serving` on the leader, `wiped` on the other servers.

    It is `rehearsal` where that is all the server is for. `new`: the machines carried another cluster than
    the snapshot's.
    """

    label: str
    stage: str
    new: bool

    @classmethod
    def read(cls, text: str) -> Mark:
        """Read a line; an invalid one counts as `begun`."""
        words = text.split()
        label, stage, kind = words if len(words) == 3 else ("?", "begun", "own")
        return cls(label, stage, kind == "new")

    def __str__(self) -> str:
        return f"{self.label} {self.stage} {'new' if self.new else 'own'}"


def quoted(name: str) -> str:
    """Return the name of a snapshot as one word."""
    return quote(name, safe="")


def leader_of(servers: Sequence[str], marks: Mapping[str, Mark], chosen: Snapshot | None) -> str:
    """Return the server for the restore: one with the restored data, else with the file, else the first."""
    for name in servers:
        if name in marks and marks[name].stage in CARRIES:
            return name
    return chosen.place if chosen and chosen.place in servers else servers[0]
