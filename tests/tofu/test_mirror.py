from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.artifacts.providers import HOSTS, mirror
from kbootstrap.artifacts.source import machine, recipe
from kbootstrap.tofu.mirror import FILE, VARIABLE, with_mirror

WANTED = recipe.provider("openstack")


def fill(cache: Path) -> None:
    for host in HOSTS:
        folder = mirror(cache) / host / WANTED.source / WANTED.version / f"linux_{machine.architecture()}"
        folder.mkdir(parents=True)
        (folder / WANTED.program).touch()


def test_a_filled_mirror_is_used_by_those_who_need_it(tmp_path: Path) -> None:
    fill(tmp_path)
    env = with_mirror({"HOME": str(tmp_path)}, tmp_path, ["openstack"])
    path = mirror(tmp_path) / FILE
    assert env == {"HOME": str(tmp_path), VARIABLE: str(path)}
    text = path.read_text()
    assert text.count("registry.opentofu.org/terraform-provider-openstack/openstack") == 2
    assert str(mirror(tmp_path)) in text
    assert with_mirror({}, tmp_path, []) == {}


def test_an_empty_mirror_changes_nothing(tmp_path: Path) -> None:
    assert with_mirror({}, tmp_path, ["openstack"]) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("own", [".tofurc", ".terraformrc", ".config/opentofu/tofurc"])
def test_the_operators_configuration_wins(tmp_path: Path, own: str) -> None:
    fill(tmp_path)
    assert with_mirror({VARIABLE: "/mine"}, tmp_path, ["openstack"]) == {VARIABLE: "/mine"}
    (tmp_path / own).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / own).touch()
    assert VARIABLE not in with_mirror({"HOME": str(tmp_path)}, tmp_path, ["openstack"])
