"""The commands about volumes, on a real disk: a file behind a loop device, which takes root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kbootstrap.cluster.converge import disks
from kbootstrap.cluster.decide import volumes
from kbootstrap.cluster.observe.facts import parse, script
from kbootstrap.cluster.state.desired import DesiredVolume
from kbootstrap.cluster.state.node_facts import VolumeFacts
from kbootstrap.core.errors import InstallFailed
from kbootstrap.distros import find
from kbootstrap.hosts.model import Host
from tests.hosts.fake import Answer, FakeHost, Put, Run, output
from tests.waiting import until

ID = "0b9f1c52-7a3e-4d7e-9f10-2f9f7f3f6c11"
MIB = 1 << 20


def sh(command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


async def checked(device: str) -> None:
    """Check a filesystem that was unmounted.

    A container that was started meanwhile has a copy of the mount until it has a root of its own: the disk is
    busy until then.
    """

    def good() -> bool:
        return sh(f"e2fsck -fp {device}", check=False).returncode in (0, 1)

    assert await until(good, seconds=60), sh(f"e2fsck -fn {device}", check=False)


@dataclass
class Disk:
    """A disk that is seen by its ID, and a folder for its mount."""

    file: Path
    links: Path
    mount: Path
    device: str

    @property
    def link(self) -> str:
        return f"{self.links}/virtio-{ID[:20]}"

    def desired(self, size: int) -> DesiredVolume:
        return DesiredVolume("data", ID, str(self.mount), size)

    def facts(self) -> VolumeFacts:
        """Look at the disk as on a machine, but for the folder of the links."""
        text = script(find("k3s"), [self.desired(0)]).replace("/dev/disk/by-id", str(self.links))
        said = sh(text.replace("patience=10", "patience=0")).stdout
        return parse("here", said, find("k3s"), now=0).volumes["data"]

    def grow(self, size: int) -> None:
        sh(f"truncate -s {size} {self.file} && losetup -c {self.device}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    file, links, mount = tmp_path / "disk", tmp_path / "links", tmp_path / "mount"
    links.mkdir()
    mount.mkdir()
    made = sh(f"truncate -s {256 * MIB} {file} && losetup --show --find {file}", check=False)
    if os.getuid() or made.returncode:
        pytest.skip(f"no loop device for this user: {made.stderr.strip()}")
    device = made.stdout.strip()
    found = Disk(file, links, mount, device)
    Path(found.link).symlink_to(device)
    Path(f"{found.link}-part1").symlink_to("/dev/null")
    yield found
    sh(f"umount {mount} 2>/dev/null; losetup --detach {device}", check=False)


async def test_a_disk_from_its_first_day(disk: Disk) -> None:
    """Formatted when nothing is on it, never again; seen where it is mounted; grown with its volume."""
    assert disk.facts() == VolumeFacts(disk.link, 256 * MIB, "none")
    command = disks.format_command(disk.desired(256 * MIB), disk.link)
    sh(command)
    ready = disk.facts()
    assert (ready.kind, ready.bytes, ready.size, ready.mounted) == ("ext4", 256 * MIB, 256 * MIB, "no")

    sh(f"mount {disk.device} {disk.mount} && echo precious > {disk.mount}/text")
    assert disk.facts().mounted == "yes"
    sh(f"umount {disk.mount}")
    again = sh(command, check=False)
    assert again.returncode == 1
    assert "there is something on it" in again.stderr

    disk.grow(512 * MIB)
    assert disk.facts().bytes == 512 * MIB
    refused = sh(disks.grow_command(disk.desired(1024 * MIB), disk.link), check=False)
    assert refused.returncode == 1
    assert f"the machine sees {512 * MIB} bytes of {1024 * MIB}" in refused.stderr
    await checked(disk.device)
    sh(disks.grow_command(disk.desired(512 * MIB), disk.link))
    assert disk.facts().size == 512 * MIB
    sh(f"mount {disk.device} {disk.mount}")
    assert (disk.mount / "text").read_text() == "precious\n"


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("mkswap {}", "swap"),
        ("mkfs.ext4 -q {}", "ext4"),
        ("printf 'LUKS\\272\\276\\0\\1' | dd of={} conv=notrunc", "crypto_LUKS"),
        ("printf 'abc' | dd of={} conv=notrunc", "none"),  # bytes, but no signature of a disk
    ],
)
def test_what_is_on_a_disk_is_seen_before_it_is_formatted(disk: Disk, command: str, kind: str) -> None:
    sh(command.format(disk.device))
    assert disk.facts().kind == kind
    format_it = disks.format_command(disk.desired(256 * MIB), disk.link)
    assert sh(format_it, check=False).returncode == (0 if kind == "none" else 1)


def test_what_is_in_the_way_is_seen(disk: Disk, tmp_path: Path) -> None:
    sh(f"mkfs.ext4 -q {disk.device} && touch {disk.mount}/file && mkdir {tmp_path}/else")
    assert disk.facts().filled
    sh(f"mount {disk.device} {tmp_path}/else")
    try:
        assert disk.facts().elsewhere == f"{tmp_path}/else"
    finally:
        sh(f"umount {tmp_path}/else")
    sh(f"mount -t tmpfs none {disk.mount}")
    assert disk.facts().mounted == "other"


def test_a_disk_that_is_not_there(disk: Disk) -> None:
    Path(disk.link).unlink()
    assert disk.facts() == VolumeFacts()


VOLUME = DesiredVolume("data", ID, "/var/lib/data", 1 << 30)
LINK = f"/dev/disk/by-id/virtio-{ID[:20]}"


async def test_the_unit_is_there_before_it_is_started() -> None:
    host = FakeHost("n", lambda _: output())
    file = volumes.unit_file(VOLUME, LINK)
    await disks.mount_volume(VOLUME, LINK, file, host)
    put, run = host.calls
    assert isinstance(put, Put)
    assert (put.destination, put.content) == (file.path, file.content.encode())
    assert isinstance(run, Run)
    assert "systemctl enable --quiet var-lib-data.mount" in run.command


@pytest.mark.parametrize(
    ("action", "link", "code"),
    [
        (disks.format_volume, LINK, "KB0844"),
        (disks.grow_volume, LINK, "KB0843"),
        (disks.grow_volume, "", "KB0840"),
    ],
)
async def test_failures_say_what_the_machine_said(
    action: Callable[[DesiredVolume, str, Host], Awaitable[None]], link: str, code: str
) -> None:
    def fails(_: Run) -> Answer:
        return output(status=1, stderr="it would not")

    with pytest.raises(InstallFailed) as caught:
        await action(VOLUME, link, FakeHost("n", fails))
    assert caught.value.code == code
    assert caught.value.host == "n"
    assert caught.value.detail == (None if code == "KB0840" else "it would not")
