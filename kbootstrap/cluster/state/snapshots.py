"""Snapshots as data; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

S3 = "s3"
"""The place of snapshots in the bucket; others are names of servers."""
FILE = "file"
"""The place of one that is a file on this machine."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot: its location (a server, or `s3`), its time (epoch), its size in bytes."""

    name: str
    place: str
    made: int
    size: int


def parse(server: str, said: str) -> tuple[Snapshot, ...]:
    """Read lines of `size mtime name`; k3s ends names with the time of creation."""
    rows = (line.split(" ", 2) for line in said.splitlines())
    return tuple(
        Snapshot(row[2], server, made_at(row[2], int(float(row[1]))), int(row[0]))
        for row in rows
        if len(row) == 3
    )


def ordered(found: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    """Return the snapshots, the newest first; of the same moment, those on servers first."""
    return tuple(sorted(found, key=lambda one: (-one.made, one.name, one.place == S3, one.place)))


def made_at(name: str, otherwise: int) -> int:
    """Return the time (epoch) at the end of a snapshot's name; `otherwise` if there is none."""
    found = re.search(r"-(\d{9,11})(?:\.zip)?$", name)
    return int(found.group(1)) if found else otherwise
