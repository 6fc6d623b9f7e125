"""Pinned versions and hashes of providers, with the real OpenTofu and Terraform and an operator's mirror."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.artifacts.cache import root as cache_folder
from kbootstrap.artifacts.providers import mirror, mirrored
from kbootstrap.artifacts.source.recipe import provider
from kbootstrap.core.errors import TofuFailed
from kbootstrap.core.events import nowhere
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.tofu_providers import initialised
from kbootstrap.spec.pins import ProviderPin
from kbootstrap.tofu import locked
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import find
from kbootstrap.tofu.mirror import VARIABLE, configuration
from kbootstrap.tofu.run import Tofu
from tests.e2e.lab import CHECKOUT, Lab, need

CACHE = cache_folder(os.environ)
OPENSTACK = provider("openstack")
SPEC = (CHECKOUT / "specs" / "openstack.yaml").read_text(encoding="utf-8")


@pytest.fixture
def operators(tmp_path: Path) -> Path:
    """An operator's own configuration of OpenTofu: it takes providers from a folder."""
    need(mirrored(CACHE, ["openstack"]), "kbootstrap artifacts pull provider-openstack")
    path = tmp_path / "operator.tfrc"
    path.write_text(configuration(mirror(CACHE), [OPENSTACK]))
    return path


def test_lock_asks_opentofu_for_the_version(lab: Lab, operators: Path) -> None:
    lab.spec(re.sub(r"image: {name: [^}]*}", "image: {id: 00000000-0000-4000-8000-000000000000}", SPEC))
    lab.extra |= {"KBOOTSTRAP_TOFU": lab.tool, VARIABLE: str(operators)}
    shown = lab.run("lock", "spec.yaml").stdout
    assert f'+  {OPENSTACK.source}:\n+    version: "{OPENSTACK.version}"\n' in shown
    assert "hashes" not in shown, "what a folder gave may have been built here"
    lab.extra[VARIABLE] = "/nowhere"
    lab.run("lock", "--check", "spec.yaml")


async def test_a_package_with_another_hash_is_refused(tmp_path: Path, tool: str, operators: Path) -> None:
    runner = LocalRunner(os.environ)
    run = Runtime(runner, {**os.environ, VARIABLE: str(operators)}, CACHE, Redactor(), nowhere, tool)
    root = tmp_path / "root"
    root.mkdir()
    wanted = f'openstack = {{\n source = "{OPENSTACK.source}"\n version = ">= 1.54.1, < 4.0.0"\n }}'
    (root / "versions.tf").write_text(f"terraform {{\n required_providers {{\n {wanted}\n }}\n}}\n")
    env = {**environment(run.env, CACHE), "TF_PLUGIN_CACHE_DIR": str(tmp_path / "plugins")}
    binary = await find(runner, run.env, CACHE, tool)
    tofu = Tofu(root=root, binary=binary, runner=runner, env=env, cluster="c", redactor=run.redactor)

    await initialised(tofu, run, ["openstack"], {OPENSTACK.source: ProviderPin(OPENSTACK.version)})
    found = locked.read((root / locked.NAME).read_text())[OPENSTACK.source]
    assert found.version == OPENSTACK.version
    await initialised(tofu, run, ["openstack"], {OPENSTACK.source: found})

    other = {OPENSTACK.source: replace(found, hashes=(f"h1:{'A' * 43}=",))}
    with pytest.raises(TofuFailed) as caught:
        await initialised(tofu, run, ["openstack"], other)
    assert caught.value.code == "KB0536"
