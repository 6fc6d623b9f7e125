"""Volumes on a machine, done: the commands behind the steps of `volumes.py`."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from kbootstrap.cluster.deadlines import COMMAND, FORMAT, GROW
from kbootstrap.cluster.decide.steps import FormatVolume, GrowVolume, MountVolume, VolumeStep
from kbootstrap.core.errors import InstallFailed
from kbootstrap.hosts.model import Host, Output

_LABEL = 16
"""Characters of a label (ext4(5))."""


async def do(step: VolumeStep, host: Host) -> None:
    """Carry a step out. Raises `InstallFailed` (KB0840, KB0843, KB0844) with what the machine said."""
    if not step.link:
        raise InstallFailed(
            f"{host.name} does not show the volume {step.volume.name} ({step.volume.id or 'not made'})",
            hint="is it attached to this machine in the cloud? On the machine: ls -l /dev/disk/by-id",
            code="KB0840",
            host=host.name,
        )
    match step:
        case FormatVolume():
            output = await host.run(format_command(step), deadline=FORMAT, check=False)
            _verify(output, step, host, "KB0844", "look at the disk on the machine: lsblk; dmesg | tail")
        case MountVolume():
            await host.put(step.file.content.encode(), step.file.path, mode=step.file.mode, deadline=COMMAND)
            output = await host.run(mount_command(step), deadline=COMMAND, check=False)
            _verify(output, step, host, "KB0844", f"look at the unit: systemctl status {_unit(step)}")
        case GrowVolume():
            output = await host.run(grow_command(step), deadline=GROW, check=False)
            _verify(output, step, host, "KB0843", "start the machine again, or run resize2fs there by hand")
        case _:
            raise TypeError(type(step).__name__)


def format_command(step: FormatVolume) -> str:
    """Return the command that makes the filesystem, once more only where nothing is.

    blkid says 2 for a disk without any signature, and for one that it cannot read (blkid(8)); so that is
    read before. mke2fs itself refuses a disk that is mounted. No blocks are kept back for root: the system
    does not live there.
    """
    link, label = shlex.quote(step.link), shlex.quote(step.volume.name[:_LABEL])
    return (
        f"head -c 1048576 {link} > /dev/null || exit 1; blkid -p {link} >&2; "
        f'[ $? = 2 ] || {{ echo "there is something on it" >&2; exit 1; }}; '
        f"mkfs.ext4 -q -m 0 -L {label} {link}"
    )


def mount_command(step: MountVolume) -> str:
    """Return the command that mounts by the unit, now and at every boot."""
    unit = shlex.quote(_unit(step))
    return (
        f"systemctl daemon-reload && systemctl enable --quiet {unit} && {{ systemctl reset-failed {unit} "
        f"2>/dev/null || :; }} && systemctl start {unit} && mountpoint -q {shlex.quote(step.volume.mount)}"
    )


def grow_command(step: GrowVolume) -> str:
    """Return the command that grows the filesystem while it is mounted.

    Disks on a SCSI bus are asked for their size first; others tell it themselves.
    """
    link, size = shlex.quote(step.link), step.volume.bytes
    return (
        f'disk=$(readlink -f {link}); rescan="/sys/class/block/${{disk##*/}}/device/rescan"; '
        'if [ -w "$rescan" ]; then echo 1 > "$rescan"; fi; '
        f'now=$(blockdev --getsize64 "$disk") && if [ "$now" -lt {size} ]; then '
        f'echo "the machine sees $now bytes of {size}" >&2; exit 1; fi && resize2fs "$disk"'
    )


def _unit(step: MountVolume) -> str:
    return PurePosixPath(step.file.path).name


def _verify(output: Output, step: VolumeStep, host: Host, code: str, hint: str) -> None:
    if output.status:
        raise InstallFailed(
            f"could not {step.title} on {host.name}",
            hint=hint,
            detail=output.tail or None,
            code=code,
            host=host.name,
        )
