"""The modules' own tests, `tests/modules/<provider>/<module>.tftest.hcl`, with real programs.

They make nothing: the provider is mocked. That needs OpenTofu 1.8 or Terraform 1.7.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.providers import mirrored
from kbootstrap.core import resources
from kbootstrap.core.process import LocalRunner
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import find
from kbootstrap.tofu.mirror import with_mirror
from tests.e2e.lab import SHORT, need

TESTS = Path(__file__).parent.parent / "modules"
MOCKS = {"OpenTofu": (1, 8, 0), "Terraform": (1, 7, 0)}
CACHE = cache.root(os.environ)
CASES = sorted(TESTS.glob("*/*.tftest.hcl"))


def test_every_module_of_openstack_has_tests() -> None:
    modules = {path.name for path in (resources.terraform_modules() / "openstack").iterdir()}
    assert {path.name.removesuffix(".tftest.hcl") for path in CASES} == modules


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.partition(".")[0])
async def test_module(case: Path, tool: str, tmp_path: Path) -> None:
    runner = LocalRunner()
    need(mirrored(CACHE, ["openstack"]), "kbootstrap artifacts pull provider-openstack")
    binary = await find(runner, os.environ, CACHE, tool)
    if binary.version < MOCKS[binary.product]:
        pytest.skip(f"{binary} has no mocked providers")
    folder = tmp_path / "module"
    name = case.name.removesuffix(".tftest.hcl")
    shutil.copytree(resources.terraform_modules() / case.parent.name / name, folder)
    shutil.copy(case, folder)
    env = with_mirror(environment(os.environ, tmp_path / "cache"), CACHE, ["openstack"])
    (tmp_path / "cache" / "tofu-plugins").mkdir(parents=True)
    for verb in ("init", "test"):
        done = await runner.run([tool, verb, "-no-color"], deadline=SHORT, cwd=folder, env=env, check=False)
        assert done.status == 0, f"{done.stdout}\n{done.stderr}"
