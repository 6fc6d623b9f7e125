"""What a reviewer sees of an edit: the files of the rendered tree that differ."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.render.trees import render

SPEC = """\
apiVersion: kbootstrap/v1alpha1
name: shop
clusters:
  prod:
    provider:
      openstack: {cloud: mycloud, external_network: public, image: {id: 6d1f2c1e-7a55-4f0e-9d0e-3f1d3c0a9b11}}
    kubernetes: {version: v1.32.0+k3s1}
    network: {cidr: 10.20.0.0/16, control_plane: 10.20.0.0/24, agents: 10.20.4.0/22}
    api: {allowed_cidrs: [203.0.113.0/24]}
    ssh: {allowed_cidrs: [203.0.113.0/24], authorized_keys: [{file: k.pub}]}
    control_plane: {nodes: 3, flavor: medium}
    pools:
      - {name: web, nodes: 2, flavor: large}
"""
POOL = "      - {name: db, nodes: 1, flavor: large}\n"


def files(text: str) -> dict[str, str]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shop.yaml"
        path.write_text(text)
        return dict(render(path).tree.files)


def edit(after: str) -> tuple[set[str], set[str], set[str]]:
    """Return the files that come, go and change; those of nodes without the node's own path."""
    old, new = files(SPEC), files(after)
    changed = {name for name in old.keys() & new.keys() if old[name] != new[name]}
    return new.keys() - old.keys(), old.keys() - new.keys(), changed


def test_a_pool_is_one_file_that_comes_or_goes() -> None:
    added, gone, changed = edit(SPEC + POOL)
    assert {name for name in added if "/nodes/" not in name} == {"prod/pool_db.tf"}
    assert {name.split("/")[2] for name in added if "/nodes/" in name} == {"prod-db-1"}
    assert (gone, changed) == (set(), set())


def test_a_removed_pool_removes_only_its_file() -> None:
    old, new = files(SPEC + POOL), files(SPEC)
    assert {name for name in old.keys() - new.keys() if "/nodes/" not in name} == {"prod/pool_db.tf"}
    assert not new.keys() - old.keys()
    assert all(old[name] == text for name, text in new.items())


def test_a_renamed_pool_moves_and_its_nodes_keep_names_and_addresses() -> None:
    added, gone, changed = edit(SPEC.replace("{name: web,", "{name: front, renamed_from: [web],"))
    assert (added, gone, changed) == ({"prod/pool_front.tf", "prod/moved.tf"}, {"prod/pool_web.tf"}, set())


def test_a_pool_renamed_twice_finds_its_way_from_both_names() -> None:
    tree = files(SPEC.replace("{name: web,", "{name: edge, renamed_from: [web, front],"))
    moved = [line.split()[-1] for line in tree["prod/moved.tf"].splitlines() if "=" in line]
    web, front, edge = "module.pool_web", "module.pool_front", "module.pool_edge"
    assert moved == [web, front, front, edge]
    assert '"prod-web-1"' in tree["prod/pool_edge.tf"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: v1.32.0+k3s1", "version: v1.31.0+k3s1"),
        ("{version: v1.32.0+k3s1}", "{version: v1.32.0+k3s1, disable: [metrics-server]}"),
    ],
)
def test_kubernetes_is_configuration_of_nodes_only(old: str, new: str) -> None:
    assert old in SPEC
    added, gone, changed = edit(SPEC.replace(old, new))
    assert (added, gone) == (set(), set())
    assert all("/nodes/" in name for name in changed)


def test_a_larger_pool_changes_its_file_only() -> None:
    added, gone, changed = edit(SPEC.replace("web, nodes: 2", "web, nodes: 3"))
    assert {name.split("/")[2] for name in added} == {"prod-web-3"}
    assert (gone, changed) == (set(), {"prod/pool_web.tf"})
