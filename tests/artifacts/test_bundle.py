"""Bundles: the same bytes, verified as a whole, and copied into a cache only if everything is right."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.bundle import contents
from kbootstrap.artifacts.bundle.read import unpack, verified
from kbootstrap.artifacts.bundle.write import write
from kbootstrap.artifacts.cache import Kept
from kbootstrap.core.errors import KbootstrapError, WrongUsage

K3S, IMAGES = "k3s", "k3s-airgap-images-amd64.tar.zst"
IMAGE_NAMES = ("docker.io/rancher/mirrored-pause:3.6", "docker.io/rancher/rke2-runtime:v1", "test/own:1")
MADE = "1970-01-01T00:00:00Z"
URL = "https://mirror.test/k3s/v1.32.0+k3s1"


def archive(*names: str) -> bytes:
    """Return an archive of images as `docker save` makes it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        text = json.dumps([{"RepoTags": [name]} for name in names]).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return zstandard.ZstdCompressor().compress(raw.getvalue())


def kept(root: Path, version: str = "v1.32.0+k3s1", source: str = URL) -> Kept:
    place = cache.place(root, "k3s", version, "amd64")
    with cache.scratch(place) as filled:
        (filled / K3S).write_bytes(f"program {version}".encode())
        (filled / K3S).chmod(0o755)
        (filled / IMAGES).write_bytes(archive(*IMAGE_NAMES))
        return cache.publish(filled, place, source)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write(tmp_path / "a.bundle", [kept(tmp_path / "one")], MADE)
    return tmp_path / "a.bundle"


def nothing(_: str) -> None:
    raise AssertionError("nothing waits")


def test_the_same_files_give_the_same_bytes(tmp_path: Path, bundle: Path) -> None:
    again = kept(tmp_path / "two")
    os.utime(again.folder / K3S, (1, 1))
    digest = write(tmp_path / "b.bundle", [again], MADE)
    assert (tmp_path / "b.bundle").read_bytes() == bundle.read_bytes()
    assert digest == cache.sha256(bundle)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bundle", "b.bundle", "one", "two"]


def test_what_is_in_a_bundle(bundle: Path) -> None:
    with tarfile.open(bundle) as tar:
        names = [member.name for member in tar if member.isfile()]
        sums = tar.extractfile(contents.SUMS)
        assert names[0] == contents.NAME
        assert names[1:3] == [contents.SUMS, contents.SBOM] or names[1:3] == [contents.SBOM, contents.SUMS]
        assert sums is not None
        listed = {line.partition("  ")[2] for line in sums.read().decode().splitlines()}
    assert listed == {name for name in names if name.startswith("artifacts/")}


def test_the_list_of_licences(bundle: Path) -> None:
    with tarfile.open(bundle) as tar:
        found = tar.extractfile(contents.SBOM)
        assert found is not None
        document = json.loads(found.read())
    assert document["spdxVersion"] == "SPDX-2.3"
    assert document["creationInfo"]["created"] == MADE
    packages = {one["name"]: one for one in document["packages"]}
    assert packages["k3s"]["licenseDeclared"] == "Apache-2.0"
    assert packages[IMAGES]["licenseDeclared"] == "NOASSERTION"
    assert packages["k3s"]["downloadLocation"] == f"{URL}/k3s"
    assert packages["docker.io/rancher/mirrored-pause"]["versionInfo"] == "3.6"
    assert packages["docker.io/rancher/mirrored-pause"]["licenseDeclared"] == "Apache-2.0"
    assert packages["docker.io/rancher/rke2-runtime"]["licenseDeclared"] == "Apache-2.0"
    assert packages["test/own"]["licenseDeclared"] == "NOASSERTION"
    ids = [one["SPDXID"] for one in document["packages"]]
    assert len(ids) == len(set(ids))
    known = {*ids, "SPDXRef-DOCUMENT"}
    assert all({r["spdxElementId"], r["relatedSpdxElement"]} <= known for r in document["relationships"])


async def test_a_cache_from_a_bundle(tmp_path: Path, bundle: Path) -> None:
    folders = verified(bundle)
    await unpack(bundle, folders, tmp_path / "new", nothing)
    place = cache.place(tmp_path / "new", *folders[0].key)
    loaded = cache.load(place)
    assert loaded is not None
    assert loaded.source == URL
    assert (place / K3S).stat().st_mode & 0o111
    assert not (place / IMAGES).stat().st_mode & 0o111
    before = (place / cache.MANIFEST).stat().st_mtime_ns
    await unpack(bundle, folders, tmp_path / "new", nothing)
    assert (place / cache.MANIFEST).stat().st_mtime_ns == before


async def test_other_files_in_the_cache_are_replaced(tmp_path: Path, bundle: Path) -> None:
    place = cache.place(tmp_path / "new", "k3s", "v1.32.0+k3s1", "amd64")
    with cache.scratch(place) as filled:
        (filled / K3S).write_bytes(b"built here")
        cache.publish(filled, place, cache.BUILT)
    folders = verified(bundle)
    await unpack(bundle, folders, tmp_path / "new", nothing)
    loaded = cache.load(place)
    assert loaded is not None
    assert loaded.source == URL


async def test_what_the_cache_has_for_other_clusters_stays(tmp_path: Path, bundle: Path) -> None:
    more = {K3S: b"program v1.32.0+k3s1", "more-images.tar.zst": b"of another cluster"}
    place = cache.place(tmp_path / "new", "k3s", "v1.32.0+k3s1", "amd64")
    with cache.scratch(place) as filled:
        for name, text in more.items():
            (filled / name).write_bytes(text)
        cache.publish(filled, place, "https://elsewhere.test")
    await unpack(bundle, verified(bundle), tmp_path / "new", nothing)
    loaded = cache.load(place)
    assert loaded is not None
    assert {*loaded.sha256} == {K3S, IMAGES, "more-images.tar.zst"}
    before = (place / cache.MANIFEST).stat().st_mtime_ns
    await unpack(bundle, verified(bundle), tmp_path / "new", nothing)
    assert (place / cache.MANIFEST).stat().st_mtime_ns == before


def rewritten(change: Callable[[dict[str, bytes]], None]) -> Callable[[bytes], bytes]:
    """Return a damage: the same archive after a change of its files, which keep their order."""

    def damage(data: bytes) -> bytes:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            files = {m.name: found.read() for m in tar if (found := tar.extractfile(m))}
        change(files)
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as tar:
            for name, text in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))
        return raw.getvalue()

    return damage


PROGRAM = "artifacts/k3s/v1.32.0+k3s1/amd64/k3s"


def without_program(files: dict[str, bytes]) -> None:
    del files[PROGRAM]


def escaping(files: dict[str, bytes]) -> None:
    files[contents.NAME] = files[contents.NAME].replace(b'"k3s"', b'"../../k3s"')


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[: len(data) // 2], "ends early|is missing|checksum"),
        (lambda data: data.replace(b"program v1", b"program V1"), "k3s does not have its checksum"),
        (lambda _: b"nothing of the kind" * 100, "it is no bundle"),
        (lambda _: b"", "it is no bundle"),
        (rewritten(without_program), "k3s is missing"),
        (rewritten(lambda files: files.update(more=b"x")), "more is not in its list of contents"),
        (rewritten(lambda files: files.update({contents.NAME: b"{"})), "cannot be read"),
        (rewritten(lambda files: files.update({contents.NAME: b'{"version": 9}'})), "it has the format 9"),
        (rewritten(escaping), "a name that kbootstrap does not use"),
    ],
)
def test_a_damaged_bundle(bundle: Path, damage: Callable[[bytes], bytes], reason: str) -> None:
    bundle.write_bytes(damage(bundle.read_bytes()))
    with pytest.raises(KbootstrapError, match=reason) as caught:
        verified(bundle)
    assert caught.value.code == "KB0914"


def test_links_in_a_bundle(bundle: Path) -> None:
    with tarfile.open(bundle, "a") as tar:
        link = tarfile.TarInfo("artifacts/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(KbootstrapError, match="artifacts/link is not a file"):
        verified(bundle)


def test_no_such_bundle(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="cannot read the bundle"):
        verified(tmp_path / "none")
