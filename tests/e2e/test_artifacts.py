"""The obtained files with the real parts: programs run, and Go refuses what the recipes do not pin."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.obtain import obtain
from kbootstrap.artifacts.source import recipe
from kbootstrap.artifacts.source.golang import Go
from kbootstrap.artifacts.source.machine import architecture
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from tests.e2e.lab import SHORT, need, program

VERSION = "v1.32.0+k3s1"


async def test_k3s_unpacks_itself_and_runs_what_is_inside(tmp_path: Path) -> None:
    kept = await obtain("k3s", VERSION, architecture(), runner=LocalRunner())
    [k3s] = [path for name, path in kept.paths.items() if not name.endswith(".zst")]
    env = {**os.environ, "K3S_DATA_DIR": str(tmp_path)}

    async def said(*arguments: str) -> str:
        finished = await LocalRunner().run([str(k3s), *arguments], deadline=SHORT, env=env)
        return finished.stdout

    assert f"k3s version {VERSION}" in await said("--version")
    assert f"Client Version: {VERSION}" in await said("kubectl", "version", "--client")
    assert "crictl version" in await said("crictl", "--version")
    assert "ctr" in await said("ctr", "--help")
    links = {path.name: path.resolve().name for path in (tmp_path / "data" / "cni").iterdir()}
    assert links["flannel"] == links["host-local"] == "cni"


async def test_module_without_a_pinned_sum_stops_the_build(tmp_path: Path) -> None:
    need(program("go"), "go is not installed")
    work = tmp_path / "shim"
    shutil.copytree(recipe.FOLDER / "shim", work)
    sums = work / "go.sum"
    kept = [line for line in sums.read_text().splitlines(keepends=True) if "sirupsen/logrus" not in line]
    sums.write_text("".join(kept))
    go = Go(LocalRunner(), cache.root(os.environ), os.environ, nowhere)
    with pytest.raises(KbootstrapError, match="checksum") as caught:
        await go.build(work, recipe.go_step("shim").package, tmp_path / "out")
    assert caught.value.code == "KB0903"
    assert not (tmp_path / "out").exists()
