from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kbootstrap.core import files
from kbootstrap.core.errors import Locked, PrerequisiteMissing


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_gets_private_folders(tmp_path: Path) -> None:
    target = tmp_path / "a" / "secret"
    files.write(target, "x", mode=0o600)
    assert target.read_text() == "x"
    assert mode(target) == 0o600
    assert mode(target.parent) == 0o700


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    files.write(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_nothing_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PrerequisiteMissing, match="No space left"):
        files.write(target, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_text() == "old"


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PrerequisiteMissing, match="cannot write"):
        files.write(tmp_path / "file" / "below", "x")


def test_write_if_changed_looks_at_bytes_and_mode(tmp_path: Path) -> None:
    target = tmp_path / "file"
    assert files.write_if_changed(target, "x", mode=0o600)
    assert not files.write_if_changed(target, "x", mode=0o600)
    assert files.write_if_changed(target, "x", mode=0o644)
    assert files.write_if_changed(target, "y", mode=0o644)


def test_a_lock_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    lock = tmp_path / "run" / "lock"
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom kbootstrap.core import files\n"
        f"with files.locked(Path({str(lock)!r}), wait=0, holder='ada@host'):\n"
        "    print('held', flush=True)\n    time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Locked, match="ada@host"), files.locked(lock, wait=0):
            pass
        process.kill()
        process.wait()
    with files.locked(lock, wait=5):
        pass


def test_a_lock_whose_file_was_removed_protects_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`destroy` removes the file that it holds; a process that opened it before must not assume the lock."""
    lock = tmp_path / "lock"
    opened = os.open

    def remove_then_open(*arguments: object, **more: object) -> int:
        handle = opened(*arguments, **more)  # type: ignore[arg-type]
        monkeypatch.setattr(os, "open", opened)
        lock.unlink()
        return handle

    monkeypatch.setattr(os, "open", remove_then_open)
    with files.locked(lock, wait=0), pytest.raises(Locked), files.locked(lock, wait=0):
        pass
