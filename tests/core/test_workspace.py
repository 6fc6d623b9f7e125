"""Where a spec's files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.workspace import Workspace


def test_one_spec_has_one_workspace_however_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path / "inner")
    expected = tmp_path.resolve() / ".kbootstrap"
    for spec in (
        tmp_path / "dev.yaml",
        Path("../dev.yaml"),
        Path("../inner/../dev.yaml"),
        Path("../link/dev.yaml"),
    ):
        assert Workspace.beside(spec).base == expected


def test_the_workspace_is_beside_a_linked_spec(tmp_path: Path) -> None:
    """Not beside what the link leads to: two links to one file are two owners."""
    (tmp_path / "shared.yaml").touch()
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "dev.yaml").symlink_to(tmp_path / "shared.yaml")
    assert Workspace.beside(folder / "dev.yaml").base == folder.resolve() / ".kbootstrap"


def test_the_workspace_is_private_and_unknown_to_git(tmp_path: Path) -> None:
    space = Workspace.beside(tmp_path / "dev.yaml")
    space.make()
    space.make()
    assert space.base.stat().st_mode & 0o777 == 0o700
    assert (space.base / ".gitignore").read_text() == "*\n"


def test_a_workspace_is_not_created_without_a_spec(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteMissing, match="No such file"):
        Workspace.beside(tmp_path / "typo" / "dev.yaml").make()
    assert not (tmp_path / "typo").exists()


def test_two_specs_in_a_folder_do_not_share_a_cluster(tmp_path: Path) -> None:
    cluster = Workspace.beside(tmp_path / "prod.yaml").of("main")
    cluster.claim("dev", creating=False)
    cluster.claim("prod", creating=True)
    cluster.claim("prod", creating=False)
    with pytest.raises(PrerequisiteMissing, match="to the spec 'prod', not to 'dev'") as caught:
        cluster.claim("dev", creating=False)
    assert caught.value.code == "KB0405"


def test_a_cluster_that_was_only_planned_is_not_missed(tmp_path: Path) -> None:
    """It is renamed in the spec, and nothing of the old name was made."""
    workspace = Workspace.beside(tmp_path / "dev.yaml")
    for name in ("planned", "started", "older", "oldest", "kept"):
        space = workspace.of(name)
        space.claim("dev", creating=True)
        space.root.mkdir()
    workspace.of("started").start()
    workspace.of("older").kubeconfig.touch()
    (workspace.of("oldest").root / "terraform.tfstate").touch()
    workspace.of("kept").start()
    assert workspace.left("dev", ["kept"]) == ("older", "oldest", "started")
    assert workspace.left("other", []) == ()
