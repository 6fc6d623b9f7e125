"""The list of contents of a bundle: `BUNDLE.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kbootstrap.artifacts.cache import Kept
from kbootstrap.artifacts.releases import ARCHITECTURES

NAME = "BUNDLE.json"
SBOM = "SBOM.spdx.json"
SUMS = "SHA256SUMS"
_VERSION = 1
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
"""Names, versions and file names: they become part of paths."""
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BundledFile:
    """One file. `size` in bytes; `program`: it is executable."""

    sha256: str
    size: int
    program: bool


@dataclass(frozen=True, slots=True)
class BundledFolder:
    """One version for one architecture; `source` describes the origin of its files, as in the cache."""

    name: str
    version: str
    arch: str
    source: str
    files: Mapping[str, BundledFile]

    @property
    def key(self) -> tuple[str, str, str]:
        """Name, version and architecture."""
        return self.name, self.version, self.arch

    def path(self, file: str) -> str:
        """Return the path of a file in the bundle."""
        return f"artifacts/{self.name}/{self.version}/{self.arch}/{file}"

    @property
    def title(self) -> str:
        """The name in messages."""
        return f"{self.name} {self.version} {self.arch}"


def folder_of(kept: Kept) -> BundledFolder:
    """Return the list of a verified folder of the cache."""
    name, version, arch = kept.folder.parts[-3:]
    files = {}
    for file, digest in sorted(kept.sha256.items()):
        status = (kept.folder / file).stat()
        files[file] = BundledFile(digest, status.st_size, bool(status.st_mode & 0o100))
    return BundledFolder(name, version, arch, kept.source, files)


def dump(folders: Iterable[BundledFolder]) -> bytes:
    """Return the text of the list."""
    shown = [
        {
            "name": one.name,
            "version": one.version,
            "arch": one.arch,
            "source": one.source,
            "files": {
                name: {"sha256": file.sha256, "size": file.size, "program": file.program}
                for name, file in sorted(one.files.items())
            },
        }
        for one in sorted(folders, key=lambda one: one.key)
    ]
    return (json.dumps({"version": _VERSION, "folders": shown}, indent=2) + "\n").encode()


def parse(text: bytes) -> tuple[BundledFolder, ...]:
    """Read the list. Raises `ValueError` for anything that `dump` does not write."""
    try:
        said = json.loads(text)
        if said["version"] != _VERSION:
            raise ValueError(f"it has the format {said['version']}, and this version reads {_VERSION}")
        return tuple(map(_folder, said["folders"]))
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{NAME} cannot be read") from error


def _folder(said: Any) -> BundledFolder:  # noqa: ANN401 - a value of JSON
    name, version, arch = said["name"], said["version"], said["arch"]
    files = {
        file: BundledFile(one["sha256"], one["size"], one["program"]) for file, one in said["files"].items()
    }
    words = (name, version, *files)
    if not all(_WORD.fullmatch(word) for word in words) or arch not in ARCHITECTURES:
        raise ValueError(f"{NAME} has a name that kbootstrap does not use")
    if not files or not all(_HASH.fullmatch(one.sha256) and int(one.size) >= 0 for one in files.values()):
        raise ValueError(f"{NAME} has an invalid entry")
    return BundledFolder(name, version, arch, str(said["source"]), files)
