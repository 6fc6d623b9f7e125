from __future__ import annotations

import os
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.kubeconfig.edit import set_current
from kbootstrap.kubeconfig.read import read
from kbootstrap.kubeconfig.write import write, write_text

from .conftest import OTHERS


def test_private_and_only_when_needed(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(OTHERS)
    document = read(path)
    assert not write(document, document.text)
    assert write(document, set_current(document.text, ""))
    document = read(path)
    assert not write(document, document.text)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == OTHERS.replace("current-context: work", "current-context: ''")


def test_a_symbolic_link_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "config"
    link.symlink_to(real)
    write_text(link, "a: 1\n")
    assert link.is_symlink()
    assert real.read_text() == "a: 1\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for others")
def test_root_leaves_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.touch()
    os.chown(path, 1234, 1234)
    write_text(path, "a: 1\n")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1234)


def test_a_folder_that_is_not_writable() -> None:
    with pytest.raises(PrerequisiteMissing) as caught:
        write_text(Path("/proc/config"), "a: 1\n")
    assert caught.value.code == "KB1003"


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    device = tmp_path / "null"
    device.symlink_to("/dev/null")
    with pytest.raises(PrerequisiteMissing, match="not a regular file"):
        write_text(device, "a: 1\n")
    assert Path("/dev/null").is_char_device()
