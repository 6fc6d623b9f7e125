"""Selects snapshots on servers, in a bucket and in files, and the token files for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from stat import S_ISREG

from kbootstrap.cluster.snapshots.bucket import BucketObject
from kbootstrap.cluster.snapshots.vault import PREFIX, SUFFIX
from kbootstrap.cluster.state.snapshots import FILE, S3, Snapshot, made_at, ordered
from kbootstrap.core.errors import WrongUsage

METADATA = ".metadata/"
"""Folder of the bucket that k3s passes over when it looks for snapshots (its source, `pkg/etcd/s3`)."""
_SKEW = 300
"""Seconds by which the clock of this machine may be behind a server's."""
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,60}[a-z0-9])?")


def on_disk(path: Path) -> Snapshot | None:
    """Return the snapshot in a file of this machine; None if the file does not exist."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not S_ISREG(found.st_mode):
        return None
    return Snapshot(path.name, FILE, made_at(path.name, int(found.st_mtime)), found.st_size)


def in_bucket(items: Iterable[BucketObject], prefix: str) -> tuple[Snapshot, ...]:
    """Return the snapshots among the objects of a bucket."""
    return tuple(
        Snapshot(name, S3, made_at(name, item.written), item.size)
        for item in items
        if (name := item.key.removeprefix(prefix)) and "/" not in name and item.size
    )


def tokens_in(items: Iterable[BucketObject], made: int) -> tuple[str, ...]:
    """Return the keys of token files in a bucket, the likeliest for a snapshot of that moment first."""
    return likeliest(_token_files(items), made)


def likeliest(tokens: Iterable[BucketObject], made: int) -> tuple[str, ...]:
    """Return the keys of token files, the likeliest for a snapshot of that moment first.

    That is the newest of before: a cluster that was made later on the machines has put its own there too.
    """
    return tuple(item.key for item in sorted(tokens, key=lambda i: (i.written > made, abs(i.written - made))))


def newest_tokens(items: Iterable[BucketObject]) -> tuple[str, ...]:
    """Return the names of the token files in a bucket, the newest first."""
    return newest(_token_files(items))


def newest(tokens: Iterable[BucketObject]) -> tuple[str, ...]:
    """Return the names of token files, the newest first; of two from the same second, the first."""
    found = sorted(tokens, key=lambda item: item.written, reverse=True)
    return tuple(item.key.rpartition("/")[2] for item in found)


def kept_with(name: str, written: float, snapshot: str, made: int) -> tuple[bool, bool, float]:
    """Return a sort key: the lower, the more likely a token file in a folder belongs to a snapshot there.

    `name` and `snapshot` are the names of the files. A token file with the snapshot's name belongs to it.
    Any other was copied there, or written by a version that named it after the tokens only: right after the
    snapshot, and again with every later one of the same tokens. Clocks differ.
    """
    return (not name.endswith(f"-{snapshot}{SUFFIX}"), written < made - _SKEW, abs(written - made))


def _token_files(items: Iterable[BucketObject]) -> list[BucketObject]:
    return [i for i in items if f"{METADATA}{PREFIX}" in i.key and i.key.endswith(SUFFIX)]


def pick(found: Sequence[Snapshot], wanted: str) -> Snapshot:
    """Return the snapshot of a name, or for `s3` the newest in the bucket; raises `WrongUsage` (KB0874)."""
    for one in ordered(found):
        if one.name == wanted or (wanted == S3 and one.place == S3):
            return one
    what = "the bucket has no snapshot" if wanted == S3 else f"there is no snapshot '{wanted}'"
    raise WrongUsage(what, hint="`kbootstrap snapshot list` shows what there is", code="KB0874")
