"""A record in the workspace that a destroy has begun, and of the buckets that it keeps."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from kbootstrap.core import files
from kbootstrap.core.workspace import ClusterSpace


def note_destroy(space: ClusterSpace, buckets: Collection[str], *, leaving: bool) -> set[str]:
    """Record that a destroy begins and which buckets it keeps; return them with those of an earlier one.

    `buckets` are those in the state. Buckets that stay are taken out of it first, so a removal that failed is
    the last to know them.
    """
    place = destroy_record(space)
    before = place.read_text(encoding="utf-8").split() if place.exists() else []
    every = {*before, *buckets} if leaving else {*before} - {*buckets}
    files.write(place, "".join(f"{name}\n" for name in sorted(every)))
    return every


def forget_destroy(space: ClusterSpace) -> None:
    """Delete the record: the cluster is created again."""
    destroy_record(space).unlink(missing_ok=True)


def destroy_record(space: ClusterSpace) -> Path:
    """Return the file that exists if a destroy of this cluster has begun."""
    return space.run / "destroying"
