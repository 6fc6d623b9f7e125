"""What the cache holds, and what goes when it is pruned."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.clean import Kind, list_cached, prune
from kbootstrap.core import files

KEY = "0123456789abcdef0123"
ALL: tuple[Kind, ...] = ("files", "build", "go", "rest")


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    for version in ("v1.31.0+k3s1", "v1.32.0+k3s1"):
        place = cache.place(tmp_path, "k3s", version, "amd64")
        with cache.scratch(place) as folder:
            (folder / "k3s").write_bytes(b"x" * 10_000)
            cache.publish(folder, place, "a test")
        place.with_name("amd64.lock").touch()
    for name in (
        f"build/k3s/{KEY}",
        f"build/k3s/.{KEY}-abc",
        "go/mod",
        "artifacts/k3s/v1.32.0+k3s1/.amd64-xyz",
    ):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(b"x" * 10_000)
    return tmp_path


def test_everything_is_listed_with_its_size(filled: Path) -> None:
    items = list_cached(filled)
    assert [(i.kind, i.version, i.arch, i.source) for i in items if i.kind == "files"] == [
        ("files", "v1.31.0+k3s1", "amd64", "a test"),
        ("files", "v1.32.0+k3s1", "amd64", "a test"),
    ]
    assert sorted(i.kind for i in items) == ["build", "files", "files", "go", "rest", "rest"]
    assert all(item.size >= 10_000 for item in items)


def test_empty_cache_has_nothing(tmp_path: Path) -> None:
    assert list_cached(tmp_path / "none") == ()
    assert prune(tmp_path / "none") == ()


def test_pruning_leaves_obtained_versions(filled: Path) -> None:
    prune(filled)
    assert {item.kind for item in list_cached(filled)} == {"files"}


def test_node_images_go_with_their_checksums_when_asked(filled: Path) -> None:
    local = filled / "local"
    local.mkdir()
    (local / "node-abc-x86_64.tar").write_bytes(b"x" * 10_000)
    (local / "node-abc-x86_64.sha256").touch()
    (local / "options-abc.json").touch()
    prune(filled)
    assert "image" in {item.kind for item in list_cached(filled)}
    prune(filled, kinds=["image"])
    assert {path.name for path in local.iterdir()} == {"options-abc.json", "image.lock"}


def test_versions_that_are_kept_stay(filled: Path) -> None:
    prune(filled, kinds=ALL, keep=["v1.32.0+k3s1"])
    assert [item.version for item in list_cached(filled)] == ["v1.32.0+k3s1"]


def test_dry_removes_nothing(filled: Path) -> None:
    before = list_cached(filled)
    assert prune(filled, kinds=ALL, dry=True) == before
    assert list_cached(filled) == before


def test_what_another_process_works_on_stays(filled: Path) -> None:
    with files.locked(filled / "build" / "lock", wait=0):
        removed = prune(filled, kinds=ALL)
    assert {item.kind for item in removed} == {"files", "rest"}
    assert {item.kind for item in list_cached(filled)} == {"build", "go", "rest"}


def test_links_to_removed_programs_go(filled: Path) -> None:
    (filled / "bin").mkdir()
    link = filled / "bin" / "tofu"
    link.symlink_to(cache.place(filled, "k3s", "v1.31.0+k3s1", "amd64") / "k3s")
    prune(filled)
    assert link.exists()
    prune(filled, kinds=ALL)
    assert not link.is_symlink()


def test_what_is_not_ours_is_never_touched(tmp_path: Path) -> None:
    theirs = (
        "go/src/project/main.go", "go/bin/tool", "build/release/output/app",
        "artifacts/photos/2024/summer/a.jpg",
        "artifacts/k3s/notes/todo/list.txt", "build/k3s/mine/file",
    )  # fmt: skip
    for name in theirs:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("precious")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "broken").symlink_to("/mnt/usb/tool")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("precious")
    (tmp_path / "go" / "mod").symlink_to(tmp_path / "elsewhere")
    assert prune(tmp_path, kinds=ALL) == ()
    assert all((tmp_path / name).read_text() == "precious" for name in (*theirs, "elsewhere/file"))
    assert (tmp_path / "bin" / "broken").is_symlink()
