"""What a lock file pins of a version, and that nothing else is taken."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.fetch import Patience
from kbootstrap.artifacts.obtain import obtain
from kbootstrap.artifacts.pinned import look_up
from kbootstrap.artifacts.source import build as source
from kbootstrap.artifacts.source import recipe
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.spec.pins import ArtifactPin

from .conftest import Ear, FakeRunner, ReleaseServer, left_behind

VERSION = "v1.30.4+k3s1"
"""No recipe exists for it."""
BUILDABLE = "v1.32.0+k3s1"
FILES = {"k3s": b"program" * 1000, "k3s-airgap-images-amd64.tar.zst": b"images" * 1000}
ARM = {"k3s-arm64": b"arm" * 1000, "k3s-airgap-images-arm64.tar.zst": b"arm images"}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in {**FILES, **ARM}.items()}
RKE2_IMAGES = [
    f"rke2-images-{kind}.linux-{{}}.tar.zst"
    for kind in ("core", "canal", "calico", "cilium", "flannel", "traefik")
]
PATIENT = Patience(answer=60, stall=60)


def vendor(version: str) -> str:
    return f"/k3s-io/k3s/releases/download/{version.replace('+', '%2B')}"


def publish(server: ReleaseServer, folder: str) -> None:
    server.publish(folder, "sha256sum-amd64.txt", FILES)
    server.publish(folder, "sha256sum-arm64.txt", ARM)


async def asked(
    server: ReleaseServer, folder: Path, version: str = VERSION, mirror: str | None = None
) -> tuple[ArtifactPin, tuple[str, ...]]:
    env = {"KBOOTSTRAP_RELEASES_URL": server.url, "KBOOTSTRAP_CACHE": str(folder)}
    return await look_up("k3s", version, mirror=mirror, env=env, patience=PATIENT)


async def get(
    server: ReleaseServer, folder: Path, pin: ArtifactPin, ear: Ear | None = None, version: str = VERSION
) -> cache.Kept:
    env = {"KBOOTSTRAP_RELEASES_URL": server.url, "KBOOTSTRAP_CACHE": str(folder)}
    return await obtain(
        "k3s", version, "amd64", runner=FakeRunner(), pin=pin, emit=ear or Ear(), env=env, patience=PATIENT
    )


async def test_published_checksums_of_every_architecture(tmp_path: Path, server: ReleaseServer) -> None:
    publish(server, vendor(VERSION))
    assert await asked(server, tmp_path) == (ArtifactPin(SUMS), ())
    assert [path for path in server.asked if "sha256sum" not in path] == [], "no file is downloaded"


async def test_the_mirror_is_asked_first(tmp_path: Path, server: ReleaseServer) -> None:
    publish(server, f"/mirror/{VERSION.replace('+', '%2B')}")
    found, refusals = await asked(server, tmp_path, mirror=f"{server.url}/mirror")
    assert (found, refusals) == (ArtifactPin(SUMS), ())


async def test_what_is_in_the_cache_needs_no_network(tmp_path: Path, server: ReleaseServer) -> None:
    publish(server, vendor(VERSION))
    await get(server, tmp_path, ArtifactPin())
    server.files.clear()
    found, refusals = await asked(server, tmp_path)
    assert found.published == {name: SUMS[name] for name in FILES}
    assert "sha256sum-arm64.txt" in refusals[0]


async def test_a_local_build_has_no_published_checksum(tmp_path: Path, server: ReleaseServer) -> None:
    place = cache.place(tmp_path, "k3s", BUILDABLE, "amd64")
    with cache.scratch(place) as filled:
        (filled / "k3s").write_bytes(b"built")
        cache.publish(filled, place, cache.BUILT)
    found, refusals = await asked(server, tmp_path, BUILDABLE)
    assert found == ArtifactPin({}, source.fingerprint("k3s", BUILDABLE))
    assert len(refusals) == 2


async def test_no_source_answers_and_there_is_no_recipe(tmp_path: Path, server: ReleaseServer) -> None:
    found, refusals = await asked(server, tmp_path)
    assert found == ArtifactPin()
    assert all("does not have it" in text for text in refusals)


@pytest.mark.parametrize("kept", [False, True])
async def test_another_file_than_the_pinned_one_is_refused(
    tmp_path: Path, server: ReleaseServer, kept: bool
) -> None:
    """A release that was published again has checksums that fit; only the lock file knows better."""
    publish(server, vendor(VERSION))
    if kept:
        await get(server, tmp_path, ArtifactPin())
    server.asked.clear()
    with pytest.raises(KbootstrapError, match="not the one that the lock file pins") as caught:
        await get(server, tmp_path, ArtifactPin({"k3s": "0" * 64}))
    assert caught.value.code == "KB0912"
    assert SUMS["k3s"] in (caught.value.detail or "")
    assert not [path for path in server.asked if path.endswith("/k3s")], "not even downloaded"
    if not kept:
        assert left_behind(tmp_path) == []


async def test_the_pinned_file_is_taken(tmp_path: Path, server: ReleaseServer) -> None:
    publish(server, vendor(VERSION))
    first = await get(server, tmp_path, ArtifactPin(SUMS))
    assert (await get(server, tmp_path, ArtifactPin(SUMS))).sha256 == first.sha256


async def test_a_build_is_not_compared_with_published_checksums(
    tmp_path: Path, server: ReleaseServer
) -> None:
    place = cache.place(tmp_path, "k3s", VERSION, "amd64")
    with cache.scratch(place) as filled:
        for name in FILES:
            (filled / name).write_bytes(b"built")
        cache.publish(filled, place, cache.BUILT)
    kept = await get(server, tmp_path, ArtifactPin(SUMS))
    assert kept.source == cache.BUILT


@pytest.mark.parametrize("same", [False, True])
async def test_a_build_by_another_recipe_is_reported(
    tmp_path: Path, server: ReleaseServer, ear: Ear, same: bool
) -> None:
    pinned = source.fingerprint("k3s", BUILDABLE) if same else "0" * 64
    with pytest.raises(PrerequisiteMissing, match="needs Go"):  # it went on to the build
        await get(server, tmp_path, ArtifactPin({}, pinned), ear, BUILDABLE)
    assert ("differs from the one in the lock file" in ear.text) != same


def test_the_recipe_is_the_same_everywhere_and_follows_what_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    first = source.fingerprint("k3s", BUILDABLE)
    assert first is not None
    assert re.fullmatch("[0-9a-f]{64}", first)
    others = {source.fingerprint("k3s", version) for version in recipe.distribution_versions("k3s")}
    assert len(others) == len(recipe.distribution_versions("k3s"))
    assert source.fingerprint("k3s", "v1.0.0+k3s1") is source.fingerprint("rke2", BUILDABLE) is None

    known, step = recipe.distribution("k3s", BUILDABLE), recipe.go_step
    assert known is not None
    monkeypatch.setattr(recipe, "distribution", lambda *_: replace(known, seconds=1))
    assert source.fingerprint("k3s", BUILDABLE) == first, "how long it takes is no part of it"
    monkeypatch.setattr(recipe, "distribution", lambda *_: replace(known, commit="0"))
    assert source.fingerprint("k3s", BUILDABLE) != first
    monkeypatch.setattr(recipe, "distribution", lambda *_: known)
    monkeypatch.setattr(recipe, "go_step", lambda name: replace(step(name), tags=("other",)))
    assert source.fingerprint("k3s", BUILDABLE) != first


async def test_the_images_of_every_choice_are_pinned(tmp_path: Path, server: ReleaseServer) -> None:
    version, names = "v1.32.1+rke2r1", ["rke2.linux-{}.tar.gz", *RKE2_IMAGES]
    place = f"/rancher/rke2/releases/download/{version.replace('+', '%2B')}"
    for arch in ("amd64", "arm64"):
        server.publish(place, f"sha256sum-{arch}.txt", {one.format(arch): one.encode() for one in names})
    env = {"KBOOTSTRAP_RELEASES_URL": server.url, "KBOOTSTRAP_CACHE": str(tmp_path)}
    found, _ = await look_up("rke2", version, env=env, patience=PATIENT)
    assert {*found.published} == {one.format(arch) for one in names for arch in ("amd64", "arm64")}
    await obtain("rke2", version, "amd64", runner=FakeRunner(), env=env, patience=PATIENT)
    again, _ = await look_up("rke2", version, env=env, patience=PATIENT)
    assert again == found, "what is in the cache is a part of it"
