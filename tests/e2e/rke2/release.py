"""Which RKE2 the tests install: the stand-in, or the vendor's files (`tests/acceptance/rke2.md`).

`KBOOTSTRAP_TEST_RKE2` names a folder with the vendor's files, laid out as a mirror (`<folder>/<version>/`),
`KBOOTSTRAP_TEST_RKE2_CNI` the pod network of the tests, for a folder without the images of canal.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import cast

from kbootstrap.artifacts import releases
from kbootstrap.artifacts.source import machine
from kbootstrap.distros.model import Distribution
from kbootstrap.distros.rke2 import DISTRIBUTION, networks
from tests.standin import engine

FOLDER, CNI = "KBOOTSTRAP_TEST_RKE2", "KBOOTSTRAP_TEST_RKE2_CNI"
_VERSION = re.compile(r"v1\.(\d+)\.(\d+)\+rke2r(\d+)")


class Unusable(Exception):
    """The folder cannot be used; the message has one reason in each line."""


@dataclass(frozen=True, slots=True)
class RkeRelease:
    """An older and a newer version. `folder` has the vendor's files, None for the stand-in's.

    `cni` is empty where the spec does not name a pod network.
    """

    old: str
    new: str
    cni: str = ""
    folder: Path | None = None

    @property
    def vendor(self) -> bool:
        """Whether it is the vendor's release."""
        return self.folder is not None

    @property
    def enforces(self) -> bool:
        """Whether the pod network enforces network policies, which `profile: cis` needs."""
        return self.cni not in ("flannel", networks.NONE)

    @property
    def distribution(self) -> Distribution:
        """The distribution with the pod network of the tests."""
        return cast("Distribution", replace(DISTRIBUTION, cni=self.cni or networks.DEFAULT))

    def place(self) -> Path:
        """Return the folder with the versions; the stand-in is built before its first use."""
        return self.folder or engine.mirror()

    def mirror(self) -> str:
        """Return its URL for `artifacts.mirror`."""
        return f"file://{self.place()}"

    def kubernetes(self, version: str, *more: str) -> str:
        """Return the value of `kubernetes:`; `more` are further keys, as `profile: cis`."""
        network = [f"cni: {self.cni}"] if self.cni else []
        keys = [f"version: {version}", *more, "disable: [rke2-metrics-server]", *network]
        return f"{{distribution: rke2, {', '.join(keys)}}}"


@cache
def chosen() -> RkeRelease:
    """Return the release that the environment chooses. Raises `Unusable`."""
    return of(os.environ, machine.architecture())


def of(env: Mapping[str, str], arch: str) -> RkeRelease:
    """Return the release that an environment chooses: the newest version, and one of the minor before it."""
    name, cni = env.get(FOLDER, ""), env.get(CNI, "")
    if not name:
        return RkeRelease(engine.OLD, engine.NEW)
    folder = Path(name).resolve()
    old, new = pair(path.name for path in folder.iterdir()) if folder.is_dir() else ("", "")
    if not new:
        raise Unusable(f"{folder} has no two versions whose minors follow each other, as v1.31.… and v1.32.…")
    found = missing(folder, (old, new), cni, arch)
    if found:
        raise Unusable("\n".join(found))
    return RkeRelease(old, new, cni, folder)


def pair(names: Iterable[str]) -> tuple[str, str]:
    """Return the newest version and the newest one of the minor before it; empty if there is none."""
    known = {
        tuple(map(int, found.groups())): found[0] for name in names if (found := _VERSION.fullmatch(name))
    }
    for new in sorted(known, reverse=True):
        for old in sorted(known, reverse=True):
            if old[0] == new[0] - 1:
                return known[old], known[new]
    return "", ""


def missing(folder: Path, versions: Iterable[str], cni: str, arch: str) -> list[str]:
    """Return what a folder lacks, one sentence each. No checksum is computed."""
    found = []
    for version in versions:
        wanted = replace(DISTRIBUTION, cni=cni or networks.DEFAULT).release(version, arch)
        place = folder / version
        listed = releases.parse_sums(_text(place / wanted.checksums))
        if not listed:
            found.append(f"{place / wanted.checksums} is missing, or has no checksums")
            continue
        for name in wanted.files:
            if not (place / name).is_file():
                found.append(f"{place / name} is missing")
            elif name not in listed:
                found.append(f"{place / wanted.checksums} does not list {name}")
    return found


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""
