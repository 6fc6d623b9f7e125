"""A note in the workspace that a destroy has begun, and which buckets it leaves."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from kbootstrap.core import files
from kbootstrap.core.workspace import ClusterSpace


def note_destroy(space: ClusterSpace, buckets: Collection[str], *, leaving: bool) -> set[str]:
    """Note that a removal begins, and which buckets it leaves; return them with those of one before it.

    `buckets` are those in the state. Buckets that stay are taken out of it first, so a removal that failed is
    the last to know them.
    """
    place = destroy_record(space)
    before = place.read_text(encoding="utf-8").split() if place.exists() else []
    every = {*before, *buckets} if leaving else {*before} - {*buckets}
    files.write(place, "".join(f"{name}\n" for name in sorted(every)))
    return every


def forget_destroy(space: ClusterSpace) -> None:
    """Note that the cluster is made again."""
    destroy_record(space).unlink(missing_ok=True)


def destroy_record(space: ClusterSpace) -> Path:
    """Return the file whose existence says that a destroy of this cluster has begun."""
    return space.run / "destroying"
