"""Builds the node's file system from Debian packages with mmdebstrap, and caches it."""

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
_EXCLUDED = ("doc", "man", "locale", "info", "lintian", "bug")


def kept(image: str, cache: Path) -> Path | None:
    """Return the cached tarball of an image name, if it exists and its checksum matches."""
    path = _path(image, cache)
    checksum = path.with_suffix(".sha256")
    if not path.is_file() or not checksum.is_file():
        return None
    return path if checksum.read_text("utf-8").strip() == _sha256(path) else None


async def make(image: str, sources: Path, why: str, context: ProviderContext) -> Path:
    """Build the tarball from `sources`. `why` is the reason why no base image was used.

    Needs mmdebstrap and root. Raises `PrerequisiteMissing`.
    """
    _require_tools(why, context)
    path = _path(image, context.cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part.tar")
    try:
        done = await context.runner.run(
            _command(sources, fresh), deadline=_DEADLINE, on_error_line=log_lines(context), check=False
        )
        if done.status:
            raise PrerequisiteMissing(
                "the node image could not be built from Debian packages",
                hint="check that a Debian mirror is reachable and that the disk has free space",
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


def _require_tools(why: str, context: ProviderContext) -> None:
    missing = ""
    if context.runner.which("mmdebstrap") is None:
        missing = "mmdebstrap is not installed (`sudo apt install mmdebstrap`)"
    elif os.geteuid() != 0:
        missing = "building it from Debian packages needs root"
    if missing:
        raise PrerequisiteMissing(
            f"the node image cannot be built: its base image could not be pulled, and {missing}",
            hint="give the engine access to its registry, or run once as root on Debian with mmdebstrap",
            detail=why,
            code="KB0604",
        )


def _command(sources: Path, target: Path) -> list[str]:
    """Return the mmdebstrap command. Hooks get the new root folder as `$1` (mmdebstrap(1), HOOKS)."""
    packages = ",".join((sources / "packages").read_text("utf-8").split())
    return [
        "mmdebstrap",
        "--variant=minbase",
        "--mode=root",
        f"--include={packages}",
        '--aptopt=Acquire::Languages "none"',
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _EXCLUDED),
        f"--customize-hook=sync-in {sources / 'overlay'} /",
        f"--customize-hook=upload {sources / 'setup'} /tmp/setup",
        '--customize-hook=chroot "$1" sh /tmp/setup',
        '--customize-hook=rm "$1/tmp/setup"',
        SUITE,
        str(target),
        *_mirrors(),
    ]


def _mirrors() -> list[str]:
    """Return the machine's own mirrors on the same Debian release; otherwise mmdebstrap uses its default."""
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
