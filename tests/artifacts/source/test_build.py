"""The whole build from source, with compilers that only pretend: which files come out, with what inside."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import zstandard

from kbootstrap.artifacts.source import machine, recipe
from kbootstrap.artifacts.source.build import SourceBuild
from kbootstrap.core.errors import PrerequisiteMissing
from tests.artifacts.conftest import Ear, FakeRunner

ARCH = machine.architecture()


class Compilers(FakeRunner):
    """Go and a C compiler that write the name of what they were asked to build."""

    def __init__(self, folder: Path) -> None:
        super().__init__(self.pretend)
        self.modules = folder / "modules"
        self.embedded: list[str] = []
        for name in ("go", "gcc", "pkg-config", "busybox"):
            self.programs[name] = folder / name
            (folder / name).write_bytes(b"a static program")
        edits = recipe.go_step("metrics-server").copied
        assert edits is not None
        options = self.modules / edits.edits[0].file
        options.parent.mkdir(parents=True)
        options.write_text("".join(edit.old * edit.times for edit in edits.edits))
        for path in ("contrib/util/check-config.sh", "pkg/data/data.go", "plugin/main.go"):
            (self.modules / path).parent.mkdir(parents=True, exist_ok=True)
            (self.modules / path).write_text("package main\n")

    def pretend(self, argv: Sequence[str], cwd: Path | None) -> str:
        if argv[:2] == ["go", "env"]:
            return "go1.26.8\n"
        if argv[:2] == ["go", "list"]:
            return f"{self.modules}\n{self.modules / 'plugin'}\n"
        if argv[-1] == "--list":
            return "busybox\nsh\nnc\n"
        if "-o" in argv:
            assert cwd is not None or argv[0] == "gcc"
            Path(argv[argv.index("-o") + 1]).write_text(f"built {argv[-1]}")
        if argv[-1].endswith("cmd/k3s") and cwd is not None:
            self.embedded = [path.name for path in (cwd / "k3s" / "pkg" / "data").iterdir()]
        return ""

    @property
    def built(self) -> list[str]:
        return [argv[-1] for argv in self.ran if argv[:2] == ("go", "build")]


def folder(path: Path) -> Path:
    path.mkdir()
    return path


async def build(cache: Path, compilers: FakeRunner, version: str, out: Path) -> None:
    found = recipe.distribution("k3s", version)
    assert found is not None
    await SourceBuild(compilers, cache, {}, Ear()).distribution(found, ARCH, out)


async def test_both_files_of_the_vendor_come_out(tmp_path: Path) -> None:
    compilers = Compilers(tmp_path)
    await build(tmp_path / "cache", compilers, "v1.32.0+k3s1", folder(tmp_path / "out"))
    program = "k3s" if ARCH == "amd64" else f"k3s-{ARCH}"
    archive = f"k3s-airgap-images-{ARCH}.tar.zst"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {program, archive}
    assert (tmp_path / "out" / program).read_text() == "built github.com/k3s-io/k3s/cmd/k3s"
    assert sum(name.endswith(".tar.zst") for name in compilers.embedded) == 1
    assert "embedded.go" in compilers.embedded
    with zstandard.open(tmp_path / "out" / archive) as stream:
        content = io.BytesIO(stream.read())
    with tarfile.open(fileobj=content) as opened:
        manifest = opened.extractfile("manifest.json")
        assert manifest is not None
        tags = [tag for image in json.loads(manifest.read()) for tag in image["RepoTags"]]
    assert tags == [
        "rancher/mirrored-pause:3.6",
        "rancher/mirrored-coredns-coredns:1.12.0",
        "rancher/mirrored-metrics-server:v0.7.2",
        "rancher/local-path-provisioner:v0.0.30",
        "rancher/mirrored-library-busybox:1.36.1",
    ]


async def test_second_version_builds_only_what_differs(tmp_path: Path) -> None:
    compilers = Compilers(tmp_path)
    await build(tmp_path / "cache", compilers, "v1.32.0+k3s1", folder(tmp_path / "first"))
    before = len(compilers.built)
    await build(tmp_path / "cache", compilers, "v1.31.0+k3s1", folder(tmp_path / "second"))
    assert compilers.built[before:] == ["github.com/k3s-io/k3s/cmd/server", "github.com/k3s-io/k3s/cmd/k3s"]


async def test_what_is_downloaded_early_is_what_will_be_built(tmp_path: Path) -> None:
    compilers = Compilers(tmp_path)
    await build(tmp_path / "cache", compilers, "v1.32.0+k3s1", folder(tmp_path / "out"))
    builds = {argv[-1]: argv[3] for argv in compilers.ran if argv[1] == "build"}
    downloads = {argv[-1]: argv[3] for argv in compilers.ran if argv[1:3] == ("list", "-deps")}
    assert "github.com/k3s-io/k3s/cmd/server" in downloads
    assert downloads.items() <= builds.items()


async def test_linker_flags_set_versions(tmp_path: Path) -> None:
    compilers = Compilers(tmp_path)
    await build(tmp_path / "cache", compilers, "v1.32.0+k3s1", folder(tmp_path / "out"))
    [flags] = [argv[4] for argv in compilers.ran if argv[1] == "build" and argv[-1].endswith("cmd/server")]
    assert "pkg/version.Version=v1.32.0+k3s1" in flags
    assert "pkg/version.UpstreamGolang=go1.26.8" in flags
    assert "-extldflags=-static" in flags


async def test_tofu(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    compilers = Compilers(tmp_path)
    await SourceBuild(compilers, tmp_path / "cache", {}, Ear()).program("tofu", "OpenTofu", tmp_path / "out")
    assert (tmp_path / "out" / "tofu").read_text() == "built github.com/opentofu/opentofu/cmd/tofu"
    assert any("version.dev=no" in " ".join(argv) for argv in compilers.ran)


async def test_other_architecture_is_refused_before_anything_runs(tmp_path: Path) -> None:
    compilers = Compilers(tmp_path)
    found = recipe.distribution("k3s", "v1.32.0+k3s1")
    assert found is not None
    with pytest.raises(PrerequisiteMissing, match="cannot be built from source"):
        await SourceBuild(compilers, tmp_path, {}, Ear()).distribution(
            found, "arm64" if ARCH == "amd64" else "amd64", tmp_path
        )
    assert compilers.ran == []
