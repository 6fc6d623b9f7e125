"""Reproducible archives: no timestamps, no owners, sorted names, fixed compressor settings."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import zstandard

_LEVEL = 12
"""Every level decompresses equally fast; above 12, compression is much slower and saves a few percent."""
_THREADS = 2
"""The result depends on whether threads are used, not on their number."""


@dataclass(frozen=True, slots=True)
class Data:
    """A regular file: its bytes, or the path of the source file. `mode` is the permission bits."""

    content: bytes | Path
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link."""

    target: str


@dataclass(frozen=True, slots=True)
class Folder:
    """An explicit, possibly empty folder; parent folders of files are created automatically."""

    mode: int = 0o755


Entry = Data | Symlink | Folder


def write_tar(stream: IO[bytes], entries: Mapping[str, Entry]) -> None:
    """Write a tar archive to a stream that need not be seekable. Names are relative, with forward slashes."""
    everything: dict[str, Entry] = {
        str(parent): Folder()
        for name in entries
        for parent in PurePosixPath(name).parents
        if str(parent) != "."
    }
    everything |= entries
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(everything):
            _add(archive, name, everything[name])


@contextlib.contextmanager
def compressed(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing through zstd."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=_THREADS, write_checksum=True)
    with path.open("wb") as raw, compressor.stream_writer(raw, closefd=False) as stream:
        yield stream


def _add(archive: tarfile.TarFile, name: str, entry: Entry) -> None:
    info = tarfile.TarInfo(name)
    match entry:
        case Folder(mode=mode):
            info.type, info.mode = tarfile.DIRTYPE, mode
            archive.addfile(info)
        case Symlink(target=target):
            info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, target
            archive.addfile(info)
        case Data(content=bytes() as content, mode=mode):
            info.size, info.mode = len(content), mode
            archive.addfile(info, io.BytesIO(content))
        case Data(content=Path() as source, mode=mode):
            with source.open("rb") as file:
                info.size, info.mode = source.stat().st_size, mode
                archive.addfile(info, file)
