"""The recipes are complete: every name they use exists, every module is pinned."""

from __future__ import annotations

import re

import pytest

from kbootstrap.artifacts.source import recipe
from kbootstrap.artifacts.source.bundle import CNI_LINKS

STEPS = (
    "shim",
    "runc",
    "cni",
    "coredns",
    "local-path-provisioner",
    "metrics-server",
    "tofu",
    "provider-openstack",
    "openstack-cloud-controller-manager-v1.31.2",
    "openstack-cloud-controller-manager-v1.32.0",
)


@pytest.mark.parametrize("name", STEPS)
def test_programs_have_their_folders(name: str) -> None:
    step = recipe.go_step(name)
    assert step.seconds > 0
    for folder in step.folders:
        assert (recipe.FOLDER / folder / "go.mod").is_file()
        assert (recipe.FOLDER / folder / "go.sum").is_file()


def test_versions_of_k3s() -> None:
    assert recipe.distribution_versions("k3s") == ("v1.32.0+k3s1", "v1.31.0+k3s1")
    assert recipe.distribution("k3s", "v1.29.0+k3s1") is None
    for version in recipe.distribution_versions("k3s"):
        found = recipe.distribution("k3s", version)
        assert found is not None
        assert set(found.images) == {
            "pause",
            "coredns",
            "metrics-server",
            "local-path-provisioner",
            "busybox",
        }
        pins = (recipe.FOLDER / found.folder / "go.mod").read_text()
        assert found.commit in pins
        assert f"github.com/k3s-io/containerd {found.containerd}" in pins
        assert f"github.com/k3s-io/cri-tools {found.crictl}" in pins


def test_image_that_end_to_end_tests_use() -> None:
    tags = {
        found.images["busybox"]
        for v in recipe.distribution_versions("k3s")
        if (found := recipe.distribution("k3s", v))
    }
    assert tags == {"rancher/mirrored-library-busybox:1.36.1"}


def test_every_version_of_an_image_has_its_step_and_pin() -> None:
    for name in recipe.image_names():
        for version in recipe.image_versions(name):
            found = recipe.built_image((name, version))
            step = recipe.go_step(found.step)
            assert step.output == found.entrypoint.rpartition("/")[2]
            assert f"{step.package.split('/cmd/')[0]} {version}\n" in (
                recipe.FOLDER / step.folder / "go.mod"
            ).read_text("utf-8")
        assert recipe.image(name, "v0.0.1") is None
        with pytest.raises(KeyError):
            recipe.built_image((name, "v0.0.1"))
    assert recipe.image("nothing", "v1") is None


def test_every_plugin_is_linked() -> None:
    assert {plugin.name for plugin in recipe.go_step("cni").plugins} == set(CNI_LINKS)


def test_tofu_is_the_version_that_its_module_pins() -> None:
    assert f"opentofu v{recipe.tofu_version()}" in (recipe.FOLDER / "tofu" / "go.mod").read_text()


def test_providers_are_the_version_that_their_modules_pin() -> None:
    for name in recipe.provider_names():
        found = recipe.provider(name)
        assert recipe.go_step(found.step).output == found.program
        pins = (recipe.FOLDER / recipe.go_step(found.step).folder / "go.mod").read_text()
        assert f"{found.program.partition('_v')[0]} v{found.version}" in pins


def test_a_changed_recipe_has_another_hash() -> None:
    assert re.fullmatch("[0-9a-f]{64}", recipe.digest("pause"))
    assert recipe.digest("pause") == recipe.digest("pause") != recipe.digest("runc")
