"""Downloads RKE2's releases for acceptance tests: `python -m tests.acceptance.download FOLDER [VERSION …]`.

It writes `<folder>/<version>/` with the files that the tests need and the vendor's list of checksums, which
each file is compared with. Files that are there already and have their checksum are kept.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kbootstrap.artifacts import fetch, releases
from kbootstrap.artifacts.fetch import Patience, Unavailable
from kbootstrap.artifacts.source import machine
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.distros.release import Release
from kbootstrap.distros.rke2 import DISTRIBUTION, networks

VERSIONS = ("v1.31.14+rke2r1", "v1.32.11+rke2r1")
"""The versions of the tests: the second one is an upgrade of the first."""


class Refused(Exception):
    """A file that does not have its checksum, or that the vendor's list does not have."""


async def download(folder: Path, wanted: Release, url: str, patience: Patience) -> list[str]:
    """Fill `<folder>/<version>/`; return the names of the files that were downloaded.

    Raises `Unavailable`, `KbootstrapError` for a transfer that broke off, `Refused`.
    """
    place = folder / wanted.tag
    place.mkdir(parents=True, exist_ok=True)
    text = await fetch.text(f"{url}/{wanted.checksums}", patience)
    sums = releases.parse_sums(text)
    done = []
    for name in wanted.files:
        if name not in sums:
            raise Refused(f"{url}/{wanted.checksums} does not list {name}")
        target, part = place / name, place / f"{name}.part"
        if await asyncio.to_thread(_sha256, target) == sums[name]:
            continue
        try:
            found = await fetch.download(f"{url}/{name}", part, patience, _silent)
            if found != sums[name]:
                raise Refused(f"{url}/{name} does not have its published checksum")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        done.append(name)
    (place / wanted.checksums).write_text(text, "utf-8")
    return done


def _silent(done: int, total: int | None) -> None:
    """Show no progress."""
    del done, total


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: Sequence[str] | None = None, patience: Patience | None = None) -> int:
    """Download; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.download", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("versions", nargs="*", default=VERSIONS, metavar="VERSION")
    parser.add_argument("--cni", choices=[*networks.NETWORKS], default=networks.DEFAULT)
    parser.add_argument("--arch", choices=releases.ARCHITECTURES, default=machine.architecture())
    given = parser.parse_args(arguments)
    chosen = replace(DISTRIBUTION, cni=given.cni)
    server = os.environ.get("KBOOTSTRAP_RELEASES_URL") or releases.BASE
    try:
        for version in given.versions:
            releases.check_version(version)
            wanted = chosen.release(version, given.arch)
            got = asyncio.run(download(given.folder, wanted, wanted.vendor(server), patience or Patience()))
            sys.stdout.write(f"{given.folder / version}: {', '.join(got) or 'complete already'}\n")
    except (Unavailable, Refused) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KbootstrapError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
