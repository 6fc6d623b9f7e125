"""Images of a version that is unpacked for all nodes: `images.sh` with a program that answers as `ctr`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kbootstrap.distros.k3s import K3s

A, B = "docker.io/rancher/a:1", "docker.io/rancher/b:2"
HEAD = "REF TYPE DIGEST STATUS SIZE UNPACKED\n"
PIN = "io.kbootstrap.pinned=pinned io.cri-containerd.pinned=pinned"
UNPIN = "io.kbootstrap.pinned= io.cattle.k3s.pinned= io.cri-containerd.pinned="
K3S = """\
#!/bin/sh
echo "$*" >> {folder}/calls
case "$*" in
    *" images check") cat {folder}/check; [ -e {folder}/whole ] ;;
    *" images import "*) cat > {folder}/imported; [ -e {folder}/room ] ;;
    *" images list "*) cat {folder}/pinned ;;
esac
"""
ZSTD = """\
#!/bin/sh
[ "$1" = -dc ] && cat "$2"
"""


class Store:
    """The image store of a service: its images, and those that are pinned.

    `whole` is removed where the content of an image is incomplete, `room` where an import fails.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in (("k3s", K3S.format(folder=folder)), ("zstd", ZSTD)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        (folder / "i.tar.zst").write_text("archive")
        self.whole, self.room = folder / "whole", folder / "room"
        self.whole.touch()
        self.room.touch()
        (folder / "i.tar.zst.images").write_text(f"{A} sha256:a\n{B} sha256:b\n")
        self.has("")
        self.pinned()

    def has(self, rows: str) -> None:
        (self.folder / "check").write_text(rows and HEAD + rows)

    def pinned(self, *names: str) -> None:
        (self.folder / "pinned").write_text("".join(f"{name}\n" for name in names))

    def call(self, function: str) -> int:
        text = K3s().images.replace("/usr/local/bin/k3s", f"{self.folder}/k3s")
        (self.folder / "calls").write_text("")
        command = f"{text}\n{function} {self.folder}/i.tar.zst\n"
        env = {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        return subprocess.run(["sh", "-c", command], check=False, timeout=60, env=env).returncode

    @property
    def calls(self) -> list[str]:
        lines = (self.folder / "calls").read_text().splitlines()
        return [line.partition(" k8s.io ")[2] for line in lines]

    @property
    def labelled(self) -> list[str]:
        return [call.removeprefix("images label ") for call in self.calls if call.startswith("images label ")]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def row(name: str, digest: str, status: str = "complete (3/3)", unpacked: str = "true") -> str:
    return f"{name} application/vnd.oci.image.manifest.v1+json {digest} {status} 1.2 MiB/1.2 MiB {unpacked}\n"


def test_images_are_imported_and_pinned(store: Store) -> None:
    assert store.call("import_images") == 0
    assert (store.folder / "imported").read_bytes() == b"archive"
    assert store.labelled == [f"{A} {PIN}", f"{B} {PIN}"]


def test_images_that_are_there_are_not_imported(store: Store) -> None:
    """Versions that follow each other have most images in common."""
    store.has(row(B, "sha256:b") + row("docker.io/other:1", "sha256:c") + row(A, "sha256:a"))
    store.pinned(B)
    assert store.call("import_images") == 0
    assert not (store.folder / "imported").exists()
    assert store.labelled == [f"{A} {PIN}"]


@pytest.mark.parametrize(
    "other",
    [
        row(B, "sha256:other"),
        row(B, "sha256:b", status="incomplete (1/3)"),
        row(B, "sha256:b", unpacked="false"),
    ],
    ids=("another digest", "incomplete", "not unpacked"),
)
def test_one_image_that_lacks_imports_all(store: Store, other: str) -> None:
    store.has(row(A, "sha256:a") + other)
    assert store.call("import_images") == 0
    assert (store.folder / "imported").exists()


def test_a_service_that_does_not_run_is_asked_once(store: Store) -> None:
    store.whole.unlink()
    assert store.call("import_images") != 0
    assert store.calls == ["images check"]


def test_other_images_may_be_incomplete(store: Store) -> None:
    store.whole.unlink()
    store.has(row("docker.io/other:1", "sha256:c", status="error"))
    assert store.call("import_images") == 0
    assert (store.folder / "imported").exists()


def test_a_failed_import_is_reported(store: Store) -> None:
    store.room.unlink()
    assert store.call("import_images") != 0
    assert store.labelled == []


def test_other_images_are_released(store: Store) -> None:
    store.pinned(A, "docker.io/rancher/a:10", "docker.io/rancher/old:1")
    assert store.call("release_images") == 0
    assert store.labelled == [f"docker.io/rancher/a:10 {UNPIN}", f"docker.io/rancher/old:1 {UNPIN}"]
