from __future__ import annotations

import json
from pathlib import Path

import pytest

from kbootstrap.core import files
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.render.model import RenderedTree
from kbootstrap.render.write import RECORD, Written, check, write

OLD = RenderedTree(
    {"dev/a.tf": "1\n", "dev/b.tf": "2\n", "dev/nodes/n/x": "3\n", "modules/local/nodes/m.tf": "4\n"}
)
NEW = RenderedTree(
    {"dev/a.tf": "1\n", "dev/b.tf": "two\n", "dev/c.tf": "5\n", "modules/local/nodes/m.tf": "4\n"}
)


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.name != RECORD
    }


def kinds(tree: RenderedTree, out: Path, *, whole: bool = True) -> dict[str, str]:
    return {difference.path: difference.kind for difference in check(tree, out, whole=whole)}


def test_a_folder_becomes_the_tree_and_then_nothing_is_left_to_do(tmp_path: Path) -> None:
    assert write(OLD, tmp_path / "out").changed == tuple(OLD.files)
    assert content(tmp_path / "out") == OLD.files
    assert kinds(OLD, tmp_path / "out") == {}
    before = (tmp_path / "out" / RECORD).stat().st_mtime_ns
    assert write(OLD, tmp_path / "out") == Written((), ())
    assert (tmp_path / "out" / RECORD).stat().st_mtime_ns == before


def test_changed_files_are_rewritten_and_obsolete_ones_removed(tmp_path: Path) -> None:
    write(OLD, tmp_path)
    assert kinds(NEW, tmp_path) == {"dev/b.tf": "stale", "dev/c.tf": "missing", "dev/nodes/n/x": "extra"}
    assert write(NEW, tmp_path) == Written(("dev/b.tf", "dev/c.tf"), ("dev/nodes/n/x",))
    assert content(tmp_path) == NEW.files
    assert not (tmp_path / "dev/nodes").exists()


def test_the_difference_is_a_unified_diff(tmp_path: Path) -> None:
    write(OLD, tmp_path)
    diffs = {difference.path: difference.diff for difference in check(NEW, tmp_path)}
    assert diffs["dev/b.tf"] == "--- a/dev/b.tf\n+++ b/dev/b.tf\n@@ -1 +1 @@\n-2\n+two"
    assert diffs["dev/c.tf"] == "--- /dev/null\n+++ b/dev/c.tf\n@@ -0,0 +1 @@\n+5"
    assert diffs["dev/nodes/n/x"] == "--- a/dev/nodes/n/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-3"


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    write(OLD, tmp_path)
    (tmp_path / "dev/terraform.tfstate").write_text("state")
    (tmp_path / "README").write_text("mine")
    write(NEW, tmp_path)
    assert content(tmp_path) == {**NEW.files, "dev/terraform.tfstate": "state", "README": "mine"}


@pytest.mark.parametrize("path", ["dev/a.tf", "dev/b.tf", "dev/nodes/n/x"])
def test_an_edited_file_is_never_overwritten_silently(tmp_path: Path, path: str) -> None:
    write(OLD, tmp_path)
    (tmp_path / path).write_bytes(b"mine \xff\n")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert kinds(NEW, tmp_path)[path] == "edited"
    with pytest.raises(KbootstrapError, match=f"1 file in .* edited by hand .*{path}") as caught:
        write(NEW, tmp_path)
    assert caught.value.code == "KB0502"
    assert "--force" in (caught.value.hint or "")
    assert "-mine" in (caught.value.detail or "")
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    write(NEW, tmp_path, force=True)
    assert content(tmp_path) == NEW.files


def test_a_file_that_is_not_ours_is_not_overwritten_either(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/a.tf").write_text("foreign")
    (tmp_path / "dev/b.tf").write_text("2\n")
    assert kinds(OLD, tmp_path)["dev/a.tf"] == "edited"
    assert "dev/b.tf" not in kinds(OLD, tmp_path)
    with pytest.raises(KbootstrapError):
        write(OLD, tmp_path)


def test_an_edited_file_that_equals_the_new_rendering_is_fine(tmp_path: Path) -> None:
    write(OLD, tmp_path)
    (tmp_path / "dev/b.tf").write_text("two\n")
    assert "dev/b.tf" not in kinds(NEW, tmp_path)
    write(NEW, tmp_path)
    write(OLD, tmp_path)
    assert content(tmp_path) == OLD.files


def test_a_deleted_file_is_written_again(tmp_path: Path) -> None:
    write(OLD, tmp_path)
    (tmp_path / "dev/a.tf").unlink()
    assert kinds(OLD, tmp_path) == {"dev/a.tf": "missing"}
    assert write(OLD, tmp_path) == Written(("dev/a.tf",), ())


def test_a_part_of_the_spec_leaves_other_clusters_and_modules(tmp_path: Path) -> None:
    other = {"prod/a.tf": "p\n", "modules/openstack/nodes/m.tf": "o\n"}
    write(RenderedTree({**OLD.files, **other}), tmp_path)
    assert kinds(NEW, tmp_path, whole=False) == {
        "dev/b.tf": "stale",
        "dev/c.tf": "missing",
        "dev/nodes/n/x": "extra",
    }
    write(NEW, tmp_path, whole=False)
    assert content(tmp_path) == {**NEW.files, **other}
    write(NEW, tmp_path)
    assert content(tmp_path) == NEW.files


def test_a_killed_run_is_finished_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(OLD, tmp_path)
    original = files.write

    def killed(path: Path, text: str | bytes, *, mode: int = 0o644) -> None:
        if path.name == "c.tf":
            raise KeyboardInterrupt
        original(path, text, mode=mode)

    monkeypatch.setattr(files, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        write(NEW, tmp_path)
    monkeypatch.undo()
    assert (tmp_path / "dev/b.tf").read_text() == "two\n"
    assert "edited" not in kinds(OLD, tmp_path).values()
    write(OLD, tmp_path)
    assert content(tmp_path) == OLD.files


def test_a_damaged_record_loses_nothing(tmp_path: Path) -> None:
    write(OLD, tmp_path)
    for text in ("{", "[]", '{"files": 3}', json.dumps({"files": {"a": 1}})):
        (tmp_path / RECORD).write_text(text)
        assert kinds(NEW, tmp_path)["dev/b.tf"] == "edited"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PrerequisiteMissing, match="cannot write to"):
        write(OLD, tmp_path / "file")
    (tmp_path / "out/dev/a.tf").mkdir(parents=True)
    with pytest.raises(PrerequisiteMissing, match="cannot read"):
        write(OLD, tmp_path / "out")
