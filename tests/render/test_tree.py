from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.core import resources
from kbootstrap.distros.model import NodeFile
from kbootstrap.render.model import RenderedRoot
from kbootstrap.render.tree import assemble, header, read_modules

MODULES = {
    "local/nodes/main.tf": "# n\n",
    "local/nodes/scripts/up.sh": "up\n",
    "local/network/main.tf": "# w\n",
}


def test_roots_their_modules_and_node_files_come_together() -> None:
    root = RenderedRoot({"network.tf": "locals {}\n", "moved.tf": ""}, ("local/nodes",), {})
    tree = assemble(
        "dev.yaml",
        {"dev": root},
        MODULES,
        {"dev": {"dev-web-1": [NodeFile("/etc/rancher/k3s/config.yaml", "a: 1\n", 0o600)]}},
    )
    assert dict(tree.files) == {
        "dev/moved.tf": header("dev.yaml"),
        "dev/network.tf": f"{header('dev.yaml')}\nlocals {{}}\n",
        "dev/nodes/dev-web-1/etc/rancher/k3s/config.yaml": "a: 1\n",
        "modules/local/nodes/main.tf": "# n\n",
        "modules/local/nodes/scripts/up.sh": "up\n",
    }
    assert list(tree.files) == sorted(tree.files)


def test_an_unknown_module_is_an_error() -> None:
    with pytest.raises(KeyError, match="no module local/node"):
        assemble("dev.yaml", {"dev": RenderedRoot({}, ("local/node",), {})}, MODULES)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x"])
def test_nothing_leaves_the_tree(path: str) -> None:
    with pytest.raises(ValueError, match="leaves"):
        assemble("dev.yaml", {"dev": RenderedRoot({path: ""}, (), {})}, {})


def test_modules_are_read_without_what_tofu_leaves_there(tmp_path: Path) -> None:
    for name in ("local/nodes/main.tf", "local/nodes/.terraform/x", "local/nodes/.terraform.lock.hcl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert read_modules(tmp_path) == {"local/nodes/main.tf": "local/nodes/main.tf"}


def test_the_packed_modules_can_be_read() -> None:
    assert all(text for text in read_modules(resources.terraform_modules()).values())
