"""Volumes on a machine: the commands behind the steps of `steps/volumes.py`."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from kbootstrap.cluster.deadlines import COMMAND, FORMAT, GROW
from kbootstrap.cluster.state.desired import DesiredVolume
from kbootstrap.core.errors import InstallFailed
from kbootstrap.distros.model import NodeFile
from kbootstrap.hosts.model import Host

_LABEL = 16
"""Characters of a label (ext4(5))."""


async def format_volume(volume: DesiredVolume, link: str, host: Host) -> None:
    """Create a filesystem. Raises `InstallFailed` (KB0840, KB0844) with the machine's output."""
    _visible(volume, link, host)
    hint = "look at the disk on the machine: lsblk; dmesg | tail"
    what = f"format volume {volume.name}"
    await _run(format_command(volume, link), host, FORMAT, what=what, code="KB0844", hint=hint)


async def mount_volume(volume: DesiredVolume, link: str, file: NodeFile, host: Host) -> None:
    """Mount a volume by its unit. Raises `InstallFailed` (KB0840, KB0844) with the machine's output."""
    _visible(volume, link, host)
    await host.put(file.content.encode(), file.path, mode=file.mode, deadline=COMMAND)
    hint = f"look at the unit: systemctl status {_unit(file)}"
    what = f"mount volume {volume.name} at {volume.mount}"
    await _run(mount_command(volume, file), host, COMMAND, what=what, code="KB0844", hint=hint)


async def grow_volume(volume: DesiredVolume, link: str, host: Host) -> None:
    """Grow a filesystem. Raises `InstallFailed` (KB0840, KB0843) with the machine's output."""
    _visible(volume, link, host)
    hint = "start the machine again, or run resize2fs there by hand"
    what = f"grow volume {volume.name}"
    await _run(grow_command(volume, link), host, GROW, what=what, code="KB0843", hint=hint)


def format_command(volume: DesiredVolume, link: str) -> str:
    """Return the command that creates the filesystem, if the disk is still empty.

    blkid says 2 for a disk without any signature, and for one that it cannot read (blkid(8)); so that is
    read before. mke2fs itself refuses a disk that is mounted. No blocks are kept back for root: the system
    does not live there.
    """
    disk, label = shlex.quote(link), shlex.quote(volume.name[:_LABEL])
    return (
        f"head -c 1048576 {disk} > /dev/null || exit 1; blkid -p {disk} >&2; "
        f'[ $? = 2 ] || {{ echo "there is something on it" >&2; exit 1; }}; '
        f"mkfs.ext4 -q -m 0 -L {label} {disk}"
    )


def mount_command(volume: DesiredVolume, file: NodeFile) -> str:
    """Return the command that mounts by the unit, now and at every boot."""
    unit = shlex.quote(_unit(file))
    return (
        f"systemctl daemon-reload && systemctl enable --quiet {unit} && {{ systemctl reset-failed {unit} "
        f"2>/dev/null || :; }} && systemctl start {unit} && mountpoint -q {shlex.quote(volume.mount)}"
    )


def grow_command(volume: DesiredVolume, link: str) -> str:
    """Return the command that grows the filesystem while it is mounted.

    Disks on a SCSI bus are asked for their size first; others report it themselves.
    """
    quoted, size = shlex.quote(link), volume.bytes
    return (
        f'disk=$(readlink -f {quoted}); rescan="/sys/class/block/${{disk##*/}}/device/rescan"; '
        'if [ -w "$rescan" ]; then echo 1 > "$rescan"; fi; '
        f'now=$(blockdev --getsize64 "$disk") && if [ "$now" -lt {size} ]; then '
        f'echo "the machine sees $now bytes of {size}" >&2; exit 1; fi && resize2fs "$disk"'
    )


def _unit(file: NodeFile) -> str:
    return PurePosixPath(file.path).name


def _visible(volume: DesiredVolume, link: str, host: Host) -> None:
    if not link:
        raise InstallFailed(
            f"{host.name} does not show the volume {volume.name} ({volume.id or 'not made'})",
            hint="is it attached to this machine in the cloud? On the machine: ls -l /dev/disk/by-id",
            code="KB0840",
            host=host.name,
        )


async def _run(command: str, host: Host, deadline: float, *, what: str, code: str, hint: str) -> None:
    output = await host.run(command, deadline=deadline, check=False)
    if output.status:
        raise InstallFailed(
            f"could not {what} on {host.name}",
            hint=hint,
            detail=output.tail or None,
            code=code,
            host=host.name,
        )
