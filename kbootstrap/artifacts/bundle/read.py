"""Reads a bundle: verifies every file, then copies into the cache what the cache does not have."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.bundle import contents
from kbootstrap.artifacts.bundle.contents import BundledFile, BundledFolder
from kbootstrap.core.errors import KbootstrapError, WrongUsage

_CHUNK = 1024 * 1024
_LONGEST = 16 * _CHUNK
"""Bytes of the lists in a bundle."""


def verified(path: Path) -> tuple[BundledFolder, ...]:
    """Return the contents of a bundle after every file was compared with its hash. Blocks.

    Raises `WrongUsage` for a file that cannot be read, and `KbootstrapError` (KB0914) for one that is no
    bundle or a damaged one.
    """
    try:
        with path.open("rb") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            return _verified(path, archive)
    except OSError as error:
        raise WrongUsage(f"cannot read the bundle {path}: {error.strerror or error}") from error
    except tarfile.TarError as error:
        raise _damaged(path, "it ends early, or it is no bundle") from error


def _verified(path: Path, archive: tarfile.TarFile) -> tuple[BundledFolder, ...]:
    found: tuple[BundledFolder, ...] = ()
    wanted: dict[str, BundledFile] = {}
    for member in archive:
        if member.isdir():
            continue
        stream = archive.extractfile(member) if member.isfile() else None
        if stream is None:
            raise _damaged(path, f"{member.name} is not a file")
        if not found:
            found = _listed(path, member, stream)
            wanted = {one.path(name): file for one in found for name, file in one.files.items()}
        elif member.name in wanted:
            file = wanted.pop(member.name)
            if member.size != file.size or _hash(stream) != file.sha256:
                raise _damaged(path, f"{member.name} does not have its checksum")
        elif member.name not in (contents.SBOM, contents.SUMS):
            raise _damaged(path, f"{member.name} is not in its list of contents")
    if not found:
        raise _damaged(path, f"it has no {contents.NAME}")
    if wanted:
        raise _damaged(path, f"{min(wanted)} is missing")
    return found


def _listed(path: Path, member: tarfile.TarInfo, stream: IO[bytes]) -> tuple[BundledFolder, ...]:
    if member.name != contents.NAME or member.size > _LONGEST:
        raise _damaged(path, f"it does not begin with {contents.NAME}")
    try:
        found = contents.parse(stream.read())
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if not found:
        raise _damaged(path, "its list of contents is empty")
    return found


async def unpack(
    path: Path, folders: Sequence[BundledFolder], root: Path, waiting: Callable[[str], None]
) -> None:
    """Copy the folders of a verified bundle into the cache `root`; `waiting` is as in `cache.locked`."""
    for folder in folders:
        place = cache.place(root, *folder.key)
        if await asyncio.to_thread(_there, place, folder):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        async with cache.locked(place.with_name(f"{place.name}.lock"), waiting):
            await asyncio.to_thread(_copy, path, folder, place)


def _there(place: Path, folder: BundledFolder) -> bool:
    """Return whether the cache has these files; it may have more, for other clusters."""
    kept = cache.load(place)
    wanted = {name: file.sha256 for name, file in folder.files.items()}
    return kept is not None and kept.source == folder.source and wanted.items() <= kept.sha256.items()


def _copy(path: Path, folder: BundledFolder, place: Path) -> None:
    """Replace the folder `place`; what it has of the release besides is kept, for other clusters."""
    with cache.scratch(place) as filled, tarfile.open(path, mode="r:") as archive:
        if folder.source != cache.BUILT:
            cache.reuse(place, filled)
        for name, file in folder.files.items():
            stream, target = archive.extractfile(folder.path(name)), filled / name
            if stream is None:
                raise _damaged(path, f"{folder.path(name)} is missing")
            target.unlink(missing_ok=True)
            with cache.usable(place), target.open("wb") as copy:
                shutil.copyfileobj(stream, copy, _CHUNK)
            target.chmod(0o755 if file.program else 0o644)
            if cache.sha256(target) != file.sha256:
                raise _damaged(path, f"{folder.path(name)} does not have its checksum")
        cache.publish(filled, place, folder.source)


def _hash(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _damaged(path: Path, why: str) -> KbootstrapError:
    return KbootstrapError(
        f"the bundle {path} cannot be used: {why}",
        hint="nothing was taken from it; copy it again, and compare its SHA-256 with the one that "
        "`kbootstrap artifacts bundle` printed",
        code="KB0914",
    )
