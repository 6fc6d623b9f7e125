"""Sources that are changed in a copy: programs that become packages, texts that are replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.artifacts.source.programs import apply_edit, as_package, copy_tree
from kbootstrap.artifacts.source.recipe import Edit
from kbootstrap.core.errors import KbootstrapError


def test_program_becomes_a_package(tmp_path: Path) -> None:
    source = tmp_path / "host-local"
    source.mkdir()
    (source / "main.go").write_text("// note\npackage main\n\nfunc main() {\n\tmainly()\n}\n")
    (source / "main_test.go").write_text("package main\n")
    (source / "main_windows.go").write_text("package main\n")
    as_package(source, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["main.go"]
    assert (tmp_path / "out" / "main.go").read_text() == (
        "// note\npackage hostlocal\n\nfunc Main() {\n\tmainly()\n}\n"
    )


def test_edit_that_fits(tmp_path: Path) -> None:
    (tmp_path / "x.go").write_text("one two one")
    apply_edit(tmp_path, Edit("x.go", "one", "1", 2))
    assert (tmp_path / "x.go").read_text() == "1 two 1"


def test_edit_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "x.go").write_text("one two one")
    with pytest.raises(KbootstrapError, match="does not fit the source") as caught:
        apply_edit(tmp_path, Edit("x.go", "one", "1", 1))
    assert caught.value.code == "KB0911"


def test_copies_can_be_changed(tmp_path: Path) -> None:
    source = tmp_path / "module"
    (source / "pkg").mkdir(parents=True)
    (source / "tests").mkdir()
    (source / "pkg" / "x.go").write_text("package x\n")
    (source / "pkg" / "x.go").chmod(0o444)
    copy_tree(source, tmp_path / "copy")
    assert (tmp_path / "copy" / "pkg" / "x.go").stat().st_mode & 0o777 == 0o644
    assert not (tmp_path / "copy" / "tests").exists()
