"""The cache of obtained files. Every use of a file verifies its hash.

    <cache>/                                    see `root`
    ├── artifacts/<name>/<version>/<arch>/      files under the vendor's names, and manifest.json
    ├── artifacts/<name>/<version>/<arch>.lock  held while the folder is filled
    ├── bin/tofu                                link to the most recently obtained OpenTofu
    ├── build/                                  steps of builds from source (see workshop.py)
    └── go/{mod,build}                          Go's own caches for those builds

A folder is filled under a temporary name, verified, and then renamed to its final name. Hashing 150 MB takes
less than half a second, so files are always hashed; size and modification time are not used as a shortcut.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kbootstrap.core import files
from kbootstrap.core.errors import KbootstrapError, Locked, PrerequisiteMissing

MANIFEST = "manifest.json"
BUILT = "build from source"
"""The `source` that the manifest records for files that were built locally."""
_VERSION = 1
_NOT_WRITABLE = "make the cache writable, or name another folder in KBOOTSTRAP_CACHE"
_LONGEST_WAIT = 7200.0
"""Seconds that another process may take to fill a folder: a build from source on a slow machine."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A verified folder. `source` describes the origin of the files; `sha256` maps file names to hashes."""

    folder: Path
    source: str
    made: str
    sha256: Mapping[str, str]

    @property
    def paths(self) -> dict[str, Path]:
        """The files by name."""
        return {name: self.folder / name for name in self.sha256}


def root(env: Mapping[str, str]) -> Path:
    """Return the cache folder for an environment. It need not exist.

    `$KBOOTSTRAP_CACHE`, else `$XDG_CACHE_HOME/kbootstrap`, else `~/.cache/kbootstrap`.
    """
    if env.get("KBOOTSTRAP_CACHE"):
        return Path(env["KBOOTSTRAP_CACHE"]).expanduser().absolute()
    base = env.get("XDG_CACHE_HOME") or ""
    parent = Path(base) if Path(base).is_absolute() else Path(env.get("HOME") or Path.home()) / ".cache"
    return parent / "kbootstrap"


def place(cache: Path, name: str, version: str, arch: str) -> Path:
    """Return the folder of one version for one architecture."""
    return cache / "artifacts" / name / version / arch


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(folder: Path) -> Kept | None:
    """Return the content of a folder's manifest, unverified; None when it is missing or unreadable."""
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if said["version"] != _VERSION:
            return None
        return Kept(folder, str(said["source"]), str(said["made"]), dict(said["sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def load(folder: Path) -> Kept | None:
    """Return a folder if every file matches the hash in its manifest, else None. Blocks while hashing."""
    kept = read(folder)
    if kept is None or not kept.sha256:
        return None
    try:
        good = all(sha256(folder / name) == wanted for name, wanted in kept.sha256.items())
    except OSError:
        return None
    return kept if good else None


def damaged(folder: Path) -> bool:
    """Return whether a folder exists and does not match its manifest. Blocks while hashing."""
    return folder.exists() and load(folder) is None


def reuse(folder: Path, filled: Path) -> None:
    """Link the verified files of a release into a scratch folder that will replace its folder.

    A file must not be written in place then. Blocks while hashing.
    """
    kept = load(folder)
    for name, path in kept.paths.items() if kept and kept.source != BUILT else ():
        os.link(path, filled / name)


def publish(filled: Path, folder: Path, source: str) -> Kept:
    """Write the manifest of a filled scratch folder and rename it to `folder`, replacing an existing one.

    `filled` must be on the same file system. Blocks while hashing.
    """
    names = sorted(path.name for path in filled.iterdir() if path.is_file())
    sums = {name: sha256(filled / name) for name in names}
    made = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = {"version": _VERSION, "source": source, "made": made, "sha256": sums}
    files.write(filled / MANIFEST, json.dumps(manifest, indent=2) + "\n")
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = folder.rename(filled.with_name(filled.name + ".old")) if folder.exists() else None
    filled.rename(folder)
    if old:
        shutil.rmtree(old)
    return Kept(folder, source, made, sums)


@contextlib.contextmanager
def scratch(beside: Path) -> Iterator[Path]:
    """Create a folder on the same file system as `beside`; it is removed with its content at the end."""
    with usable(beside.parent):
        beside.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=beside.parent, prefix=f".{beside.name}-"))
        folder.chmod(0o755)
    try:
        with usable(beside.parent):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def usable(where: Path) -> Iterator[None]:
    """Convert failures to write below `where` into errors about disk space and permissions."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise disk_full(where) from error
        raise PrerequisiteMissing(
            f"cannot write to the cache {where}: {error.strerror or error}",
            hint=_NOT_WRITABLE,
            code="KB0905",
        ) from error


def disk_full(where: Path) -> PrerequisiteMissing:
    """Return the error for a full disk at `where`."""
    return PrerequisiteMissing(
        f"no space is left for {where}",
        hint="free some space (`kbootstrap artifacts prune`), or name another folder in KBOOTSTRAP_CACHE",
        code="KB0904",
    )


@contextlib.asynccontextmanager
async def locked(lock: Path, waiting: Callable[[str], None]) -> AsyncIterator[None]:
    """Lock a file without blocking the event loop; `waiting` is called once when it has to wait."""
    loop = asyncio.get_running_loop()
    end, reported = loop.time() + _LONGEST_WAIT, False
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(files.locked(lock, wait=0))
                break
            except Locked:
                if loop.time() > end:
                    raise
                if not reported:
                    waiting("another run or another cluster is obtaining the same files; waiting for it")
                    reported = True
                await asyncio.sleep(0.2)
            except KbootstrapError as error:
                error.code = error.code or "KB0905"
                error.hint = error.hint or _NOT_WRITABLE
                raise
        yield
