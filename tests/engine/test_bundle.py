"""Making a bundle for a spec, and using it instead of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.obtain import OFFLINE
from kbootstrap.artifacts.source import machine, recipe
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.core.events import nowhere
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.distros import find
from kbootstrap.engine.bundle import make_bundle, use_bundle, verify_cached
from kbootstrap.engine.context import contexts
from kbootstrap.engine.downloads import Downloads
from kbootstrap.engine.spec import read_spec
from kbootstrap.spec.model import Spec
from tests.artifacts.conftest import FakeRunner

HERE = machine.architecture()
OTHER = "arm64" if HERE == "amd64" else "amd64"
VERSION = "v1.30.4+k3s1"
"""No recipe exists for it."""
TOFU = f"v{recipe.tofu_version()}"


def runtime(folder: Path, **env: str) -> Runtime:
    return Runtime(
        FakeRunner(), {"KBOOTSTRAP_RELEASES_URL": "file:///none", **env}, folder, Redactor(), nowhere
    )


def spec(folder: Path, version: str = VERSION) -> Path:
    path = folder / "spec.yaml"
    path.write_text(
        "apiVersion: kbootstrap/v1alpha1\nname: dev\nclusters:\n  one:\n    provider: {local: {}}\n"
        f"    kubernetes: {{version: {version}}}\n    control_plane: {{nodes: 1}}\n"
    )
    return path


def fill(
    root: Path, name: str, version: str, arch: str, files: Mapping[str, str], source: str = cache.BUILT
) -> None:
    place = cache.place(root, name, version, arch)
    with cache.scratch(place) as filled:
        for file, text in files.items():
            (filled / file).write_text(text)
            (filled / file).chmod(0o755)
        cache.publish(filled, place, source)


def filled(root: Path, arch: str = HERE) -> Path:
    fill(root, "k3s", VERSION, arch, {one.name: "program" for one in find("k3s").artifacts(VERSION, arch)})
    fill(root, "tofu", TOFU, HERE, {"tofu": "tofu"})
    return root


async def made(folder: Path, arch: str = HERE) -> Path:
    target = folder / "a.bundle"
    run = runtime(filled(folder / "full", arch))
    await make_bundle(spec(folder), (), [arch], target, run)
    return target


async def test_a_new_machine_takes_everything_from_the_bundle(tmp_path: Path) -> None:
    bundle = await made(tmp_path)
    run = await use_bundle(bundle, spec(tmp_path), (), runtime(tmp_path / "new"))
    assert run.env[OFFLINE]
    assert (run.cache / "bin" / "tofu").read_text() == "tofu"
    loaded = read_spec(spec(tmp_path))
    (context,) = contexts(loaded, loaded.clusters, run)
    kept = await Downloads(context).obtain(HERE)
    assert kept.paths["k3s"].read_text() == "program"
    assert kept.source == cache.BUILT  # of which nodes need programs of their own
    with pytest.raises(PrerequisiteMissing, match=f"does not have k3s .* {OTHER}, and this run") as caught:
        await Downloads(context).obtain(OTHER)
    assert caught.value.code == "KB0913"


async def test_another_version_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    bundle = await made(tmp_path)
    with pytest.raises(KbootstrapError, match=r"does not have k3s v1\.30\.5\+k3s1") as caught:
        await use_bundle(bundle, spec(tmp_path, "v1.30.5+k3s1"), (), runtime(tmp_path / "new"))
    assert caught.value.code == "KB0915"
    assert caught.value.detail is not None
    assert f"k3s {VERSION} {HERE}" in caught.value.detail
    assert not (tmp_path / "new").exists()


async def test_another_architecture_is_refused(tmp_path: Path) -> None:
    """Nodes of `local` are containers on this machine."""
    bundle = await made(tmp_path, OTHER)
    with pytest.raises(KbootstrapError, match=f"for {HERE}, the architecture of this machine"):
        await use_bundle(bundle, spec(tmp_path), (), runtime(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


async def test_a_damaged_bundle_changes_nothing(tmp_path: Path) -> None:
    bundle = await made(tmp_path)
    bundle.write_bytes(bundle.read_bytes().replace(b"program", b"PROGRAM"))
    with pytest.raises(KbootstrapError, match="cannot be used") as caught:
        await use_bundle(bundle, spec(tmp_path), (), runtime(tmp_path / "new"))
    assert caught.value.code == "KB0914"
    assert not (tmp_path / "new").exists()


async def test_nodes_of_an_architecture_that_is_not_there(tmp_path: Path) -> None:
    run = replace(runtime(filled(tmp_path / "full")), env={OFFLINE: "1"})
    loaded: Spec = read_spec(spec(tmp_path))
    (context,) = contexts(loaded, loaded.clusters, run)

    def plan(arch: str, *, artifacts: tuple[str, ...] = ("k3s",)) -> Any:  # noqa: ANN401
        nodes = SimpleNamespace(plan=SimpleNamespace(artifacts=artifacts), arches=frozenset([arch]))
        return cast("Any", SimpleNamespace(context=context, nodes=nodes))

    verify_cached([plan(HERE), plan(OTHER, artifacts=())])
    with pytest.raises(PrerequisiteMissing, match=f"has nodes of the architecture {OTHER}"):
        verify_cached([plan(OTHER)])


RKE2 = "v1.32.11+rke2r3"


def rke2_spec(folder: Path, *networks: str) -> Path:
    """Return a spec with a cluster of RKE2 for each pod network."""
    clusters = "".join(
        f"  {cni}:\n    provider: {{local: {{}}}}\n    control_plane: {{nodes: 1}}\n"
        f"    kubernetes: {{distribution: rke2, version: {RKE2}, cni: {cni}}}\n"
        for cni in networks
    )
    path = folder / "spec.yaml"
    path.write_text(f"apiVersion: kbootstrap/v1alpha1\nname: dev\nclusters:\n{clusters}")
    return path


def rke2_names(*kinds: str) -> set[str]:
    return {f"rke2.linux-{HERE}.tar.gz", *(f"rke2-images-{kind}.linux-{HERE}.tar.zst" for kind in kinds)}


async def rke2_bundle(folder: Path, *networks: str) -> Path:
    """Return a bundle of these clusters, from a cache that has the images of every pod network."""
    release = find("rke2").release(RKE2, HERE)
    every = dict.fromkeys((*release.files, *release.others), "x")
    fill(folder / "full", "rke2", RKE2, HERE, every, "https://mirror.test")
    fill(folder / "full", "tofu", TOFU, HERE, {"tofu": "tofu"})
    target = folder / "a.bundle"
    await make_bundle(rke2_spec(folder, *networks), (), [HERE], target, runtime(folder / "full"))
    return target


async def test_a_bundle_has_what_the_clusters_of_rke2_choose(tmp_path: Path) -> None:
    bundle = await rke2_bundle(tmp_path, "cilium", "calico")
    new = runtime(tmp_path / "new")
    place = cache.place(new.cache, "rke2", RKE2, HERE)
    run = await use_bundle(bundle, rke2_spec(tmp_path, "cilium"), (), new)
    kept = cache.load(place)
    assert kept is not None
    assert {*kept.sha256} == rke2_names("core", "cilium", "calico")
    loaded = read_spec(rke2_spec(tmp_path, "cilium", "canal"))
    cilium, canal = contexts(loaded, loaded.clusters, run)
    assert {*(await Downloads(cilium).obtain(HERE)).sha256} >= rke2_names("core", "cilium")
    with pytest.raises(PrerequisiteMissing, match=r"does not have rke2-images-canal\S+ of rke2 ") as caught:
        await Downloads(canal).obtain(HERE)
    assert caught.value.code == "KB0913"
    nodes = SimpleNamespace(plan=SimpleNamespace(artifacts=("x",)), arches=frozenset([HERE]))
    verify_cached([cast("Any", SimpleNamespace(context=cilium, nodes=nodes))])
    with pytest.raises(PrerequisiteMissing, match="cluster canal has nodes"):
        verify_cached([cast("Any", SimpleNamespace(context=canal, nodes=nodes))])


async def test_a_bundle_of_another_pod_network_is_refused(tmp_path: Path) -> None:
    bundle = await rke2_bundle(tmp_path, "cilium")
    with pytest.raises(KbootstrapError, match=r"does not have rke2-images-calico\S+ of rke2 ") as caught:
        await use_bundle(bundle, rke2_spec(tmp_path, "calico"), (), runtime(tmp_path / "new"))
    assert caught.value.code == "KB0915"
    assert not (tmp_path / "new").exists()
