"""The node's file system from Debian packages: mmdebstrap makes it, our cache keeps it."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

from kbootstrap.core import files
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.local.progress import log_lines

SUITE = "bookworm"
_DEADLINE = 1800.0
_LEFT_OUT = ("doc", "man", "locale", "info", "lintian", "bug")


def kept(image: str, cache: Path) -> Path | None:
    """Return the tarball that belongs to an image name, when it is there and whole."""
    path = _path(image, cache)
    checksum = path.with_suffix(".sha256")
    if not path.is_file() or not checksum.is_file():
        return None
    return path if checksum.read_text("utf-8").strip() == _sha256(path) else None


async def make(image: str, sources: Path, why: str, context: ProviderContext) -> Path:
    """Make the tarball from the sources in `sources`; `why` tells why no base image was used.

    Needs mmdebstrap and root. Raises `PrerequisiteMissing`.
    """
    _needed(why, context)
    path = _path(image, context.cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part.tar")
    try:
        done = await context.runner.run(
            _command(sources, fresh), deadline=_DEADLINE, on_error_line=log_lines(context), check=False
        )
        if done.status:
            raise PrerequisiteMissing(
                "the node image could not be made from Debian packages",
                hint="is a Debian mirror in reach, and is there room on the disk?",
                detail=done.tail,
                code="KB0604",
            )
        files.write(path.with_suffix(".sha256"), f"{_sha256(fresh)}\n")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    for older in path.parent.glob("node-*"):
        if not older.name.startswith(path.stem):
            older.unlink(missing_ok=True)
    return path


def _needed(why: str, context: ProviderContext) -> None:
    missing = ""
    if context.runner.which("mmdebstrap") is None:
        missing = "mmdebstrap is not installed (`sudo apt install mmdebstrap`)"
    elif os.geteuid() != 0:
        missing = "making it from Debian packages needs root"
    if missing:
        raise PrerequisiteMissing(
            f"the node image cannot be made: its base image could not be pulled, and {missing}",
            hint="let the engine reach its registry, or run once as root on Debian with mmdebstrap installed",
            detail=why,
            code="KB0604",
        )


def _command(sources: Path, target: Path) -> list[str]:
    """Return the call of mmdebstrap; hooks see the new root as `$1` (mmdebstrap(1), HOOKS)."""
    packages = ",".join((sources / "packages").read_text("utf-8").split())
    return [
        "mmdebstrap",
        "--variant=minbase",
        "--mode=root",
        f"--include={packages}",
        '--aptopt=Acquire::Languages "none"',
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _LEFT_OUT),
        f"--customize-hook=sync-in {sources / 'overlay'} /",
        f"--customize-hook=upload {sources / 'setup'} /tmp/setup",
        '--customize-hook=chroot "$1" sh /tmp/setup',
        '--customize-hook=rm "$1/tmp/setup"',
        SUITE,
        str(target),
        *_mirrors(),
    ]


def _mirrors() -> list[str]:
    """On the same Debian release use the machine's own mirrors, else mmdebstrap's default."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return []
    sources = [Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d/debian.sources")]
    if release.get("VERSION_CODENAME") != SUITE or release.get("ID") != "debian":
        return []
    return [str(path) for path in sources if path.is_file() and path.stat().st_size]


def _path(image: str, cache: Path) -> Path:
    return cache / "local" / f"node-{image.rpartition(':')[2]}-{platform.machine()}.tar"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
