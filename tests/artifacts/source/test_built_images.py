"""Images that are built for nodes without a registry: built once, then from the cache."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
import zstandard

from kbootstrap.artifacts.clean import list_cached
from kbootstrap.artifacts.source import machine, recipe
from kbootstrap.artifacts.source.built_images import obtain_image
from kbootstrap.core.errors import PrerequisiteMissing
from tests.artifacts.source.test_build import Compilers

ARCH = machine.architecture()
WANTED = recipe.built_image(("openstack-cloud-controller-manager", "v1.32.0"))


async def test_it_is_built_once_and_packed(tmp_path: Path) -> None:
    compilers, cache = Compilers(tmp_path), tmp_path / "cache"
    for _ in range(2):
        kept = await obtain_image(WANTED, ARCH, runner=compilers, env={}, folder=cache)
    assert compilers.built == ["k8s.io/cloud-provider-openstack/cmd/openstack-cloud-controller-manager"]
    assert list(kept.paths) == [f"openstack-cloud-controller-manager-v1.32.0-{ARCH}.tar.zst"]
    assert kept.source == "build from source"
    [path] = kept.paths.values()
    with zstandard.open(path, "rb") as stream:
        raw = stream.read()
    archive = tarfile.open(fileobj=io.BytesIO(raw))  # noqa: SIM115 - in memory

    def content(name: str) -> bytes:
        member = archive.extractfile(name)
        assert member is not None
        return member.read()

    [entry] = json.loads(content("manifest.json"))
    tag = "registry.k8s.io/provider-os/openstack-cloud-controller-manager:v1.32.0"
    assert entry["RepoTags"] == [tag]
    config = json.loads(content(entry["Config"]))
    assert config["config"]["Entrypoint"] == ["/bin/openstack-cloud-controller-manager"]
    layer = tarfile.open(fileobj=io.BytesIO(content(entry["Layers"][0])))  # noqa: SIM115 - in memory
    assert layer.getmember("bin/openstack-cloud-controller-manager").mode == 0o755
    assert [(item.kind, item.name) for item in list_cached(cache) if item.kind == "files"] == [
        ("files", "openstack-cloud-controller-manager")
    ]


async def test_another_architecture_is_refused(tmp_path: Path) -> None:
    other = "arm64" if ARCH == "amd64" else "amd64"
    with pytest.raises(PrerequisiteMissing) as caught:
        await obtain_image(WANTED, other, runner=Compilers(tmp_path), env={}, folder=tmp_path / "cache")
    assert caught.value.code == "KB0906"
