"""Writes a bundle from verified folders of the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.bundle import contents, spdx
from kbootstrap.artifacts.cache import Kept
from kbootstrap.artifacts.source.pack import Data, Entry, write_tar


def write(target: Path, folders: Sequence[Kept], made: str) -> str:
    """Write the bundle to `target` and return its SHA-256. Blocks; nothing is left if it fails.

    `made` is the time for the list of contents (UTC, ISO 8601): a constant, so that the same files give the
    same bytes.
    """
    listed = {contents.folder_of(kept).key: (contents.folder_of(kept), kept) for kept in folders}
    entries: dict[str, Entry] = {}
    for folder, kept in listed.values():
        for name, file in folder.files.items():
            entries[folder.path(name)] = Data(kept.folder / name, 0o755 if file.program else 0o644)
    every = [folder for folder, _ in listed.values()]
    images = {folder.key: spdx.images_of(kept) for folder, kept in listed.values()}
    entries[contents.NAME] = Data(contents.dump(every))
    entries[contents.SBOM] = Data(spdx.document(every, images, made))
    lines = sorted(
        f"{file.sha256}  {folder.path(name)}\n" for folder in every for name, file in folder.files.items()
    )
    entries[contents.SUMS] = Data("".join(lines).encode())
    with cache.usable(target.parent), cache.scratch(target) as scratch:
        part = scratch / target.name
        with part.open("wb") as stream:
            write_tar(stream, entries)
        digest = cache.sha256(part)
        part.replace(target)
    return digest
