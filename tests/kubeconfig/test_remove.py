from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.kubeconfig.merge import merge_into
from kbootstrap.kubeconfig.remove import remove

from .conftest import ADMIN, NAME, OTHERS, SERVER, View


def test_leaves_what_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(OTHERS)
    merge_into([path], ADMIN, NAME, SERVER, switch=False)
    assert remove([path], NAME) == (path,)
    assert path.read_text() == OTHERS
    assert remove([path], NAME) == ()


def test_our_current_context_becomes_empty(tmp_path: Path, view: View) -> None:
    path = tmp_path / "config"
    merge_into([path], ADMIN, NAME, SERVER, switch=True)
    remove([path], NAME)
    seen = view(path)
    assert seen["current-context"] == ""
    assert not seen["clusters"]
    assert not seen["users"]
    assert not seen["contexts"]


def test_another_current_context_stays(tmp_path: Path, view: View) -> None:
    path = tmp_path / "config"
    path.write_text(OTHERS)
    merge_into([path], ADMIN, NAME, SERVER, switch=False)
    remove([path], NAME)
    assert view(path)["current-context"] == "work"


def test_from_every_file(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for path in (first, second):
        merge_into([path], ADMIN, NAME, SERVER, switch=True)
    assert remove([first, tmp_path / "missing", second], NAME) == (first, second)
    assert NAME not in first.read_text() + second.read_text()


def test_files_without_our_entries_are_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(OTHERS)
    (tmp_path / "config.lock").touch()
    assert remove([path, tmp_path / "missing"], NAME, wait=0) == ()


def test_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("clusters: [")
    with pytest.raises(PrerequisiteMissing):
        remove([path], NAME)
