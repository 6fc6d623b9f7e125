"""The order of sources, and what happens when one of them fails."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
from pathlib import Path

import pytest

from kbootstrap.artifacts.cache import Kept
from kbootstrap.artifacts.fetch import Patience
from kbootstrap.artifacts.obtain import obtain
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing, WrongUsage
from kbootstrap.core.events import Status, Type

from .conftest import Ear, FakeRunner, ReleaseServer, left_behind

VERSION = "v1.30.4+k3s1"
"""No recipe exists for it: without a download there is nothing."""
VENDOR = "/k3s-io/k3s/releases/download/v1.30.4%2Bk3s1"
FILES = {"k3s": b"program" * 1000, "k3s-airgap-images-amd64.tar.zst": b"images" * 1000}
QUICK, PATIENT = Patience(answer=0.3, stall=0.3), Patience(answer=60, stall=60)


async def get(
    cache: Path,
    server: ReleaseServer,
    *,
    ear: Ear | None = None,
    mirror: str | None = None,
    arch: str = "amd64",
    version: str = VERSION,
    patience: Patience = PATIENT,
) -> Kept:
    return await obtain(
        "k3s",
        version,
        arch,
        runner=FakeRunner(),
        mirror=mirror,
        emit=ear or Ear(),
        env={"KBOOTSTRAP_RELEASES_URL": server.url, "KBOOTSTRAP_CACHE": str(cache)},
        patience=patience,
    )


@pytest.fixture
def release(server: ReleaseServer) -> ReleaseServer:
    server.publish(VENDOR, "sha256sum-amd64.txt", FILES)
    return server


async def test_vendor_release_is_kept_under_its_names(
    tmp_path: Path, release: ReleaseServer, ear: Ear
) -> None:
    kept = await get(tmp_path, release, ear=ear)
    assert {name: path.read_bytes() for name, path in kept.paths.items()} == FILES
    assert kept.sha256["k3s"] == hashlib.sha256(FILES["k3s"]).hexdigest()
    assert kept.folder == tmp_path / "artifacts" / "k3s" / VERSION / "amd64"
    assert kept.source == f"{release.url}{VENDOR}"
    assert os.access(kept.paths["k3s"], os.X_OK)
    assert ear.events[-1].status is Status.DONE
    last = [event for event in ear.events if event.type is Type.PROGRESS][-1]
    assert (last.done, last.total, last.unit) == (6000, 6000, "bytes")


async def test_second_time_comes_from_the_cache(tmp_path: Path, release: ReleaseServer) -> None:
    await get(tmp_path, release)
    release.asked.clear()
    kept = await get(tmp_path, release)
    assert kept.paths["k3s"].read_bytes() == FILES["k3s"]
    assert release.asked == []


async def test_other_architecture_has_other_names(tmp_path: Path, server: ReleaseServer) -> None:
    files = {"k3s-arm64": b"arm", "k3s-airgap-images-arm64.tar.zst": b"images"}
    server.publish(VENDOR, "sha256sum-arm64.txt", files)
    kept = await get(tmp_path, server, arch="arm64")
    assert set(kept.paths) == set(files)
    assert os.access(kept.paths["k3s-arm64"], os.X_OK)


@pytest.mark.parametrize("damage", [b"", b"other bytes"])
async def test_damaged_cache_is_obtained_again(
    tmp_path: Path, release: ReleaseServer, ear: Ear, damage: bytes
) -> None:
    kept = await get(tmp_path, release)
    kept.paths["k3s"].write_bytes(damage)
    kept = await get(tmp_path, release, ear=ear)
    assert kept.paths["k3s"].read_bytes() == FILES["k3s"]
    assert "does not have its checksums any more" in ear.text
    assert left_behind(tmp_path) == []


async def test_missing_file_in_the_cache_is_obtained_again(tmp_path: Path, release: ReleaseServer) -> None:
    (await get(tmp_path, release)).paths["k3s"].unlink()
    assert (await get(tmp_path, release)).paths["k3s"].exists()


async def test_mirror_comes_before_the_vendor(tmp_path: Path, server: ReleaseServer) -> None:
    server.publish(f"/mirror/{VERSION.replace('+', '%2B')}", "sha256sum-amd64.txt", FILES)
    kept = await get(tmp_path, server, mirror=f"{server.url}/mirror/")
    assert "/mirror/" in kept.source
    assert not [path for path in server.asked if path.startswith("/k3s-io")]


async def test_mirror_may_be_a_folder(tmp_path: Path, server: ReleaseServer) -> None:
    folder = tmp_path / "mirror" / VERSION
    folder.mkdir(parents=True)
    lines = []
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (folder / "sha256sum-amd64.txt").write_text("".join(lines))
    kept = await get(tmp_path / "cache", server, mirror=f"file://{tmp_path}/mirror")
    assert kept.paths["k3s"].read_bytes() == FILES["k3s"]


async def test_mirror_without_the_version_is_passed_over(
    tmp_path: Path, release: ReleaseServer, ear: Ear
) -> None:
    kept = await get(tmp_path, release, ear=ear, mirror=f"{release.url}/empty")
    assert VENDOR in kept.source
    assert "the server does not have it" in ear.text


async def test_mirror_with_half_a_release_leaves_nothing_of_it(
    tmp_path: Path, release: ReleaseServer
) -> None:
    folder = f"/half/{VERSION.replace('+', '%2B')}"
    release.publish(folder, "sha256sum-amd64.txt", {**FILES, "k3s": b"of the mirror"})
    del release.files[f"{folder}/k3s-airgap-images-amd64.tar.zst"]
    kept = await get(tmp_path, release, mirror=f"{release.url}/half")
    assert kept.paths["k3s"].read_bytes() == FILES["k3s"]


async def test_wrong_checksum_is_fatal_and_keeps_nothing(tmp_path: Path, release: ReleaseServer) -> None:
    release.files[f"{VENDOR}/k3s"] = b"changed by somebody"
    with pytest.raises(KbootstrapError, match="does not have its published checksum") as caught:
        await get(tmp_path, release)
    assert caught.value.code == "KB0903"
    assert left_behind(tmp_path) == []


async def test_wrong_checksum_on_the_mirror_never_reaches_the_vendor(
    tmp_path: Path, release: ReleaseServer
) -> None:
    folder = f"/bad/{VERSION.replace('+', '%2B')}"
    release.publish(folder, "sha256sum-amd64.txt", FILES)
    release.files[f"{folder}/k3s"] = b"changed by somebody"
    with pytest.raises(KbootstrapError, match="checksum"):
        await get(tmp_path, release, mirror=f"{release.url}/bad")
    assert not [path for path in release.asked if path.startswith("/k3s-io")]


async def test_truncated_download_keeps_nothing(tmp_path: Path, release: ReleaseServer) -> None:
    release.special[f"{VENDOR}/k3s"] = release.truncate
    with pytest.raises(KbootstrapError, match="broke off after") as caught:
        await get(tmp_path, release)
    assert caught.value.code == "KB0902"
    assert left_behind(tmp_path) == []


async def test_a_stalled_download_ends(tmp_path: Path, release: ReleaseServer) -> None:
    release.special[f"{VENDOR}/k3s"] = release.stall
    with pytest.raises(KbootstrapError, match="no answer in time"):
        await get(tmp_path, release, patience=QUICK)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("where", ["nothing listens", "hangs", "404"])
async def test_no_source_says_why(tmp_path: Path, server: ReleaseServer, where: str) -> None:
    if where == "hangs":
        server.special[f"{VENDOR}/sha256sum-amd64.txt"] = server.hang
    mirror = "http://127.0.0.1:9/mirror" if where == "nothing listens" else None
    with pytest.raises(PrerequisiteMissing, match=r"no source has k3s v1\.30\.4\+k3s1") as caught:
        await get(tmp_path, server, mirror=mirror, patience=QUICK if where == "hangs" else PATIENT)
    reasons = {"nothing listens": "connection refused", "hangs": "no answer in time", "404": "does not have"}
    assert caught.value.code == "KB0909"
    assert reasons[where] in (caught.value.detail or "")
    assert left_behind(tmp_path) == []


async def test_a_version_with_a_recipe_is_built(tmp_path: Path, server: ReleaseServer, ear: Ear) -> None:
    with pytest.raises(PrerequisiteMissing, match="needs Go") as caught:
        await get(tmp_path, server, ear=ear, version="v1.32.0+k3s1")
    assert caught.value.code == "KB0907"
    assert "the server does not have it" in ear.text


async def test_two_at_once_download_once(tmp_path: Path, release: ReleaseServer) -> None:
    first, second = await asyncio.gather(get(tmp_path, release), get(tmp_path, release))
    assert first.sha256 == second.sha256
    assert len(release.asked) == 3


async def test_cancelled_download_ends_at_once_and_keeps_nothing(
    tmp_path: Path, release: ReleaseServer
) -> None:
    release.special[f"{VENDOR}/k3s"] = release.stall
    task = asyncio.create_task(get(tmp_path, release, patience=Patience(answer=5, stall=20)))
    await asyncio.sleep(0.5)
    assert f"{VENDOR}/k3s" in release.asked
    task.cancel()
    async with asyncio.timeout(2):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert left_behind(tmp_path) == []


async def test_a_full_disk_is_reported_and_nothing_is_kept(tmp_path: Path, release: ReleaseServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(PrerequisiteMissing, match="no space is left") as caught:
            await get(tmp_path, release)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "KB0904"
    assert left_behind(tmp_path) == []


async def test_cache_that_cannot_be_written(tmp_path: Path, release: ReleaseServer) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(PrerequisiteMissing) as caught:
        await get(tmp_path / "file" / "cache", release)
    assert caught.value.code == "KB0905"
    assert "KBOOTSTRAP_CACHE" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("distribution", "version", "arch"),
    [
        ("k3s", "1.32.0", "amd64"),
        ("k3s", "v1.32.0/../../x", "amd64"),
        ("k3s", "", "amd64"),
        ("k3s", VERSION, "riscv64"),
        ("kubeadm", "v1.32.0", "amd64"),
    ],
)
async def test_an_unpublished_version(tmp_path: Path, distribution: str, version: str, arch: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        await obtain(distribution, version, arch, runner=FakeRunner(), folder=tmp_path)
    assert caught.value.code == "KB0901"


@pytest.mark.parametrize("mirror", ["ftp://x/y", "mirror.example.org", "https://user:secret@x/y"])
async def test_mirror_that_cannot_be_asked(tmp_path: Path, mirror: str) -> None:
    with pytest.raises(KbootstrapError) as caught:
        await obtain("k3s", VERSION, "amd64", runner=FakeRunner(), folder=tmp_path, mirror=mirror)
    assert caught.value.code == "KB0901"
    assert "secret" not in str(caught.value)
