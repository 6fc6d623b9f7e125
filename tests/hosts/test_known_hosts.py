from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.hosts.known_hosts import KnownHosts, Pin, fingerprint

ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIwUm2i1y4wuLB8Gn6RIvKeRt1LjYl9zOMZ8s3MpQzOx"
TWO = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKoVjvYJKf2eNgSlvlHZqyDUhy+6SbUWrXgHu2ZYYsXT"


@pytest.fixture
def pins(tmp_path: Path) -> KnownHosts:
    return KnownHosts(tmp_path / "run" / "known_hosts")


def test_absent_file(pins: KnownHosts) -> None:
    assert pins.pin("node") is None
    pins.forget("node")
    assert not pins.path.exists()


def test_store_replaces_only_its_own_name(pins: KnownHosts) -> None:
    pins.store(Pin("a", "docker:1 2", (ONE, TWO)))
    pins.store(Pin("b", "", (TWO,)))
    pins.store(Pin("a", "new", (f"{TWO} comment",)))
    assert pins.pin("a") == Pin("a", "new", (TWO,))
    assert pins.pin("b") == Pin("b", "", (TWO,))
    assert pins.path.read_text() == f"b {TWO} instance=\na {TWO} instance=new\n"
    assert pins.path.stat().st_mode & 0o777 == 0o600
    pins.forget("b")
    assert pins.pin("b") is None


def test_instances_are_kept_whatever_their_characters(pins: KnownHosts) -> None:
    pins.store(Pin("a", "sha256:ab c/ü%", (ONE,)))
    assert pins.pin("a") == Pin("a", "sha256:ab c/ü%", (ONE,))


def test_names_are_compared_in_lower_case(pins: KnownHosts) -> None:
    pins.store(Pin("Node, *.X", "", (ONE,)))
    assert pins.path.read_text().startswith("node___.x ssh-ed25519 ")
    assert pins.pin("Node, *.X") == Pin("Node, *.X", "", (ONE,))


def test_lines_of_others_stay(pins: KnownHosts) -> None:
    pins.path.parent.mkdir()
    pins.path.write_text(f"# mine\n\nother {ONE}\n")
    pins.store(Pin("a", "i", (TWO,)))
    assert pins.path.read_text() == f"# mine\n\nother {ONE}\na {TWO} instance=i\n"
    assert pins.pin("other") == Pin("other", "", (ONE,))


@pytest.mark.parametrize("line", ["a ssh-ed25519", "a ssh-ed25519 !!!", "\x00\x01"])
def test_a_damaged_file_is_named_with_its_line(pins: KnownHosts, line: str) -> None:
    pins.path.parent.mkdir()
    pins.path.write_text(f"b {ONE}\n{line}\n")
    with pytest.raises(PrerequisiteMissing, match=r"line 2 of .*known_hosts is not a pinned host key"):
        pins.pin("a")


def test_a_folder_in_its_place(pins: KnownHosts) -> None:
    pins.path.mkdir(parents=True)
    with pytest.raises(PrerequisiteMissing, match="cannot read"):
        pins.pin("a")


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(ONE + "\n")
    said = subprocess.run(
        ["ssh-keygen", "-lf", str(tmp_path / "key.pub")], capture_output=True, text=True, check=True
    )
    assert fingerprint(ONE) == f"{said.stdout.split()[1]} (ssh-ed25519)"


def test_ssh_keygen_can_forget_a_line(pins: KnownHosts) -> None:
    pins.store(Pin("node-1", "i", (ONE,)))
    subprocess.run(["ssh-keygen", "-R", "node-1", "-f", str(pins.path)], capture_output=True, check=True)
    assert pins.pin("node-1") is None
