"""The release of the stand-in for RKE2 has the vendor's layout, and kbootstrap obtains it from a mirror."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
import zstandard

from kbootstrap.artifacts.obtain import obtain
from kbootstrap.artifacts.source import images
from kbootstrap.artifacts.source.images import Image
from kbootstrap.artifacts.source.pack import Data
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.process import LocalRunner
from kbootstrap.distros import of
from tests.distros.samples import cluster
from tests.standin import vendor

VERSION = "v1.32.1+rke2r1"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """One release, of programs that are only names."""
    programs = {}
    for name in (vendor.ENGINE, *vendor.PROGRAMS):
        programs[name] = tmp_path / name
        programs[name].write_text(name)
    addons = tmp_path / "addons.tar.zst"
    images.pack([Image("rancher/pause:1", {"pause": Data(b"pause")})], "amd64", addons)
    vendor.publish(tmp_path / "mirror", VERSION, "amd64", programs, addons)
    return tmp_path / "mirror"


def test_the_tarball_has_the_vendors_layout(mirror: Path) -> None:
    with tarfile.open(mirror / VERSION / "rke2.linux-amd64.tar.gz") as archive:
        modes = {one.name: one.mode for one in archive.getmembers()}
        program = archive.extractfile("bin/rke2")
        assert program is not None
        text = program.read().decode()
    assert modes["bin/rke2"] == 0o755
    assert {"bin/rke2-killall.sh", "bin/rke2-uninstall.sh", "share/rke2/rke2-cis-sysctl.conf"} <= {*modes}
    assert {one for one in modes if one.endswith(".service")} == {
        "lib/systemd/system/rke2-server.service",
        "lib/systemd/system/rke2-agent.service",
    }
    assert f"version='{VERSION}'" in text
    assert "\ncluster-reset-restore-path\n" in text
    assert "@" not in text.partition("fatal()")[0]


def test_the_core_has_the_engines_images_too(mirror: Path, tmp_path: Path) -> None:
    core = mirror / VERSION / "rke2-images-core.linux-amd64.tar.zst"
    plain = tmp_path / "core.tar"
    with core.open("rb") as packed, plain.open("wb") as target:
        zstandard.ZstdDecompressor().copy_stream(packed, target)
    with tarfile.open(plain) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        listed = json.loads(manifest.read())
        names = {*archive.getnames()}
    assert [one["RepoTags"] for one in listed] == [
        ["rancher/rke2-runtime:v1.32.1-rke2r1"],
        ["rancher/pause:1"],
    ]
    assert all(one["Config"] in names and {*one["Layers"]} <= names for one in listed)


async def test_kbootstrap_obtains_what_a_cluster_chooses(mirror: Path, tmp_path: Path) -> None:
    async def files(cni: str) -> set[str]:
        chosen = of(cluster(distribution="rke2", version=VERSION, cni=cni).kubernetes)
        kept = await obtain(
            "rke2",
            VERSION,
            "amd64",
            runner=LocalRunner(),
            chosen=chosen,
            mirror=f"file://{mirror}",
            env={},
            folder=tmp_path / "cache",
            releases_url="file:///nowhere",
        )
        return {name.partition(".")[0] for name in kept.sha256}

    assert await files("canal") == {"rke2", "rke2-images-core", "rke2-images-canal"}
    cached = tmp_path / "cache/artifacts/rke2" / VERSION / "amd64/rke2-images-core.linux-amd64.tar.zst"
    before = cached.stat().st_ino
    assert await files("cilium") == {"rke2", "rke2-images-core", "rke2-images-canal", "rke2-images-cilium"}
    assert cached.stat().st_ino == before, "it was downloaded again"
    lying = mirror / VERSION / "rke2-images-calico.linux-amd64.tar.zst"
    lying.write_bytes(b"something else")
    with pytest.raises(KbootstrapError) as caught:
        await files("calico")
    assert caught.value.code == "KB0903"
    assert await files("cilium") == {"rke2", "rke2-images-core", "rke2-images-canal", "rke2-images-cilium"}
