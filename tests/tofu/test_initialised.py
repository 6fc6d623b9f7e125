from __future__ import annotations

import json
from pathlib import Path

import pytest

from kbootstrap.tofu.find import Binary
from kbootstrap.tofu.initialised import forget, is_current, remember

BINARY = Binary(Path("/bin/tofu"), "OpenTofu", (1, 8, 0))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "dev"
    (made / ".terraform" / "modules").mkdir(parents=True)
    (made / "main.tf").write_text("a")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "main.tf").write_text("b")
    modules = {"Modules": [{"Key": "", "Dir": "."}, {"Key": "m", "Dir": "../m"}]}
    (made / ".terraform" / "modules" / "modules.json").write_text(json.dumps(modules))
    return made


def test_it_holds_until_something_changes(root: Path) -> None:
    assert not is_current(root, BINARY, {})
    remember(root, BINARY, {})
    assert is_current(root, BINARY, {"X": "y"})
    assert not is_current(root, Binary(BINARY.path, "OpenTofu", (1, 9, 0)), {})
    assert not is_current(root, BINARY, {"TF_PLUGIN_CACHE_DIR": "/p"})
    forget(root)
    assert not is_current(root, BINARY, {})
    forget(root)


@pytest.mark.parametrize("file", ["main.tf", "new.tf", "../m/main.tf", ".terraform.lock.hcl"])
def test_any_hcl_counts(root: Path, file: str) -> None:
    remember(root, BINARY, {})
    (root / file).write_text("other")
    assert not is_current(root, BINARY, {})


def test_state_and_other_files_do_not_count(root: Path) -> None:
    remember(root, BINARY, {})
    (root / "terraform.tfstate").write_text("{}")
    (root / "nodes").mkdir()
    assert is_current(root, BINARY, {})
