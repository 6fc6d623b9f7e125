from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from kbootstrap.core.errors import Locked, PrerequisiteMissing
from kbootstrap.kubeconfig.lock import locked


def test_the_lock_is_kubectls(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "config"
    with locked(path):
        assert (tmp_path / "folder" / "config.lock").exists()
    assert list(path.parent.iterdir()) == []


def test_released_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "config"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_stale_lock_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "config.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    with pytest.raises(Locked) as caught, locked(tmp_path / "config", wait=0.05):
        pass
    assert caught.value.code == "KB1004"
    assert caught.value.hint is not None
    assert f"rm {lock}" in caught.value.hint
    assert " h" in caught.value.message
    assert lock.exists()


def test_waits_for_a_living_writer(tmp_path: Path) -> None:
    lock = tmp_path / "config.lock"
    lock.touch()
    timer = threading.Timer(0.1, lock.unlink)
    timer.start()
    with locked(tmp_path / "config", wait=10):
        assert lock.exists()
    timer.join()


def test_takes_over_from_a_killed_kbootstrap(tmp_path: Path) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    (tmp_path / "config.lock").write_text(f"kbootstrap {process.pid} on {os.uname().nodename}\n")
    with locked(tmp_path / "config", wait=0):
        pass


@pytest.mark.parametrize(
    "text",
    [f"kbootstrap {os.getpid()} on {{host}}\n", "kbootstrap 1 on elsewhere\n"],
    ids=["living", "elsewhere"],
)
def test_does_not_take_over_from_others(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.lock").write_text(text.replace("{host}", os.uname().nodename))
    with pytest.raises(Locked), locked(tmp_path / "config", wait=0):
        pass


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PrerequisiteMissing) as caught, locked(tmp_path / "file" / "config"):
        pass
    assert caught.value.code == "KB1003"


def test_a_folder_that_is_not_writable() -> None:
    with pytest.raises(PrerequisiteMissing) as caught, locked(Path("/proc/config")):
        pass
    assert caught.value.code == "KB1003"
    assert "/proc/config:" in caught.value.message
