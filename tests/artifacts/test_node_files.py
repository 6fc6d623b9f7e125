"""Files of a node as a source: only those of the version, by the lock file or by the program."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kbootstrap.artifacts import cache, node_files
from kbootstrap.artifacts.source import machine
from kbootstrap.core.events import Event, Status
from kbootstrap.core.process import LocalRunner
from kbootstrap.distros import find, of
from kbootstrap.spec.pins import ArtifactPin
from tests.distros.samples import cluster

VERSION = "v1.32.0+k3s1"
ARCH = machine.architecture()
WANTED = find("k3s").artifacts(VERSION, ARCH)
CONTENT = {
    WANTED[0].name: f"#!/bin/sh\necho k3s version {VERSION} '(abc)'\n".encode(),
    WANTED[1].name: b"images",
}
PINNED = ArtifactPin({name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()})
OTHER = ArtifactPin({**PINNED.published, WANTED[1].name: "0" * 64})


@dataclass
class Source:
    """A node's file system, a cache, and what was reported."""

    folder: Path
    events: list[Event] = field(default_factory=list)

    def write(self, **changes: bytes | None) -> None:
        for artifact in WANTED:
            content = changes.get(artifact.name.partition("-")[0], CONTENT[artifact.name])
            place = self.folder / "host" / artifact.path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if content is not None:
                place.write_bytes(content)
                place.chmod(0o755)

    async def keep(self, pin: ArtifactPin | None = None, arch: str = ARCH) -> bool:
        return await node_files.keep(
            "k3s",
            VERSION,
            arch,
            WANTED,
            self.folder / "host",
            runner=LocalRunner(),
            pin=pin,
            emit=self.events.append,
            folder=self.folder / "cache",
        )

    @property
    def kept(self) -> cache.Kept | None:
        return cache.load(cache.place(self.folder / "cache", "k3s", VERSION, ARCH))


@pytest.fixture
def source(tmp_path: Path) -> Source:
    made = Source(tmp_path)
    made.write()
    return made


@pytest.mark.parametrize("pin", [None, PINNED, ArtifactPin(recipe="abc")])
async def test_the_files_of_the_version_are_kept(source: Source, pin: ArtifactPin | None) -> None:
    assert await source.keep(pin)
    assert source.kept is not None
    assert source.kept.sha256 == PINNED.published
    assert source.kept.source != cache.BUILT, "the lock file's checksums hold for it"
    assert source.kept.paths[WANTED[0].name].stat().st_mode & 0o111
    source.events.clear()
    assert await source.keep(pin), "they are there already"
    assert source.events == []


async def test_files_of_another_version_are_left_alone(source: Source) -> None:
    """Each with its reason: a server that is upgraded has the next version already."""
    newer = b"#!/bin/sh\necho k3s version v1.33.0+k3s1\n"
    for change, pin, why in (
        ({"k3s": newer}, None, "is k3s version v1.33.0+k3s1"),
        ({"k3s": b"#!/bin/sh\nexit 1\n"}, None, "exit"),
        ({"k3s": newer}, PINNED, "another checksum than the lock file"),
        ({}, OTHER, "another checksum than the lock file"),
    ):
        source.write(**change)
        assert not await source.keep(pin)
        assert source.kept is None
        assert source.events[-1].status is Status.SKIPPED
        assert why in (source.events[-1].detail or "")
    assert not await source.keep(arch="riscv")
    assert f"the node is {ARCH}" in (source.events[-1].detail or "")


RKE2 = of(cluster(distribution="rke2", ingress_controller="traefik").kubernetes)
RKE2_VERSION = "v1.32.11+rke2r3"


async def test_an_archive_of_the_program_needs_the_lock_file(tmp_path: Path) -> None:
    """And a file that the cache lacks, because the cluster makes other choices now, is added."""
    wanted, events = RKE2.artifacts(RKE2_VERSION, ARCH), list[Event]()
    for artifact in wanted:
        place = tmp_path / "host" / artifact.path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(artifact.name.encode())
    sums = {one.name: hashlib.sha256(one.name.encode()).hexdigest() for one in wanted}

    async def keep(count: int, pin: ArtifactPin | None) -> bool:
        return await node_files.keep(
            "rke2",
            RKE2_VERSION,
            ARCH,
            wanted[:count],
            tmp_path / "host",
            runner=LocalRunner(),
            pin=pin,
            emit=events.append,
            folder=tmp_path / "cache",
        )

    assert not await keep(3, None)
    assert "the lock file has no checksum of" in (events[-1].detail or "")
    assert len(wanted) == 4
    for count, there in ((3, 3), (4, 4), (2, 4)):
        assert await keep(count, ArtifactPin(sums))
        kept = cache.load(cache.place(tmp_path / "cache", "rke2", RKE2_VERSION, ARCH))
        assert kept is not None
        assert kept.sha256 == {one.name: sums[one.name] for one in wanted[:there]}


async def test_a_file_that_is_missing(source: Source) -> None:
    (source.folder / "host" / WANTED[1].path.lstrip("/")).unlink()
    assert not await source.keep(PINNED)
    assert WANTED[1].path in (source.events[-1].detail or "")
