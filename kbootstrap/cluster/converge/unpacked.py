"""Image tarballs without their compression: neither `ctr images import` nor a new node reads zstd."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path


class Unpacked:
    """Unpacks each tarball once, into a folder that `close` removes."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = asyncio.Lock()
        self._done: set[Path] = set()

    async def of(self, tarball: Path) -> Path:
        """Return the tarball unpacked; one without compression is returned as it is."""
        if tarball.suffix != ".zst":
            return tarball
        async with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="kbootstrap-images-")
            path = Path(self._folder.name, tarball.name.removesuffix(".zst"))
            if path not in self._done:
                await asyncio.to_thread(_unpack, tarball, path)
                self._done.add(path)
            return path

    def close(self) -> None:
        """Remove the unpacked tarballs."""
        if self._folder is not None:
            self._folder.cleanup()


def _unpack(tarball: Path, path: Path) -> None:
    import zstandard

    with tarball.open("rb") as packed, path.open("wb") as plain:
        zstandard.ZstdDecompressor().copy_stream(packed, plain)
