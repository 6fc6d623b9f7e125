"""Decides how extra volumes of a node are formatted, mounted and grown; pure.

A volume is found by its ID, never by the name of a device, which differs from cloud to cloud and from boot to
boot. It is formatted once in its life, when it carries no signature of anything (`converge/disks.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from kbootstrap.cluster.state.desired import DesiredNode, DesiredVolume
from kbootstrap.cluster.state.node_facts import NodeFacts, VolumeFacts
from kbootstrap.cluster.steps.volumes import FormatVolume, GrowVolume, MountVolume, VolumeStep
from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.distros.model import NodeFile
from kbootstrap.distros.yaml_files import HEADER

FILESYSTEM = "ext4"
BLANK = "none"
"""What facts call a disk that can be read, and on which blkid finds nothing."""
_SLACK = 64 << 20
"""Bytes at the end of a disk that a filesystem may leave: ext4 gives up a last group that is too small."""


def steps(node: DesiredNode, facts: NodeFacts) -> Iterator[VolumeStep]:
    """Yield the steps, with enclosing mount points first."""
    for volume in sorted(node.volumes, key=lambda one: one.mount):
        yield from _steps(node.name, volume, facts)


def problems(node: DesiredNode, facts: NodeFacts) -> Iterator[Diagnostic]:
    """Yield the reasons why a volume must not be formatted or mounted."""
    for volume in node.volumes:
        seen = facts.volumes.get(volume.name)
        if seen is None or not seen.link:
            continue
        if seen.kind not in (BLANK, FILESYSTEM):
            yield _strange(node.name, volume, seen)
        if reason := _occupied(volume, seen, facts):
            yield Diagnostic(
                "KB0842",
                f"Volume {volume.name} of {node.name} is to be mounted at {volume.mount}, and {reason}.",
                f"look at the machine: findmnt; ls -A {volume.mount}; systemctl list-units --type=mount. "
                "Move away what is there, or write another `mount`",
            )


def unit_file(volume: DesiredVolume, link: str) -> NodeFile:
    """Return the mount unit of a volume, which mounts it at every boot before Kubernetes starts.

    By the volume's ID: a UUID would also be that of a clone or a restored snapshot. A volume that is missing
    at boot keeps nothing else from starting (`WantedBy`). Units of mounts are named after their folder, and
    come before `local-fs.target` (systemd.mount(5)), which comes before every service.
    """
    content = (
        f"{HEADER}"
        "[Unit]\n"
        f"Description=Volume {volume.name}\n"
        "\n"
        "[Mount]\n"
        f"What={link}\n"
        f"Where={volume.mount.replace('%', '%%')}\n"
        f"Type={FILESYSTEM}\n"
        "\n"
        "[Install]\n"
        "WantedBy=local-fs.target\n"
    )
    return NodeFile(f"/etc/systemd/system/{unit_name(volume.mount)}", content, 0o644, restart=False)


def unit_name(mount: str) -> str:
    """Return the name that systemd requires for the mount unit of a folder (`systemd-escape --path`)."""

    def escaped(char: str) -> str:
        return "".join(f"\\x{byte:02x}" for byte in char.encode())

    text = re.sub(r"[^A-Za-z0-9:_./]", lambda found: escaped(found.group()), mount.strip("/"))
    if text.startswith("."):
        text = escaped(".") + text[1:]
    return f"{text.replace('/', '-')}.mount"


def _steps(node: str, volume: DesiredVolume, facts: NodeFacts) -> Iterator[VolumeStep]:
    seen = facts.volumes.get(volume.name, VolumeFacts())
    if seen.kind == BLANK:
        yield FormatVolume(node=node, why="it is new, nothing is on it", volume=volume, link=seen.link)
    file = unit_file(volume, seen.link)
    if why := _unmounted(volume, seen, facts, file):
        yield MountVolume(node=node, why=why, volume=volume, link=seen.link, file=file)
    room = max(seen.bytes, volume.bytes)
    if seen.kind == FILESYSTEM and seen.size and room - seen.size > _SLACK:
        why = f"its filesystem has {_gib(seen.size)} of {_gib(room)} GiB"
        yield GrowVolume(node=node, why=why, volume=volume, link=seen.link)


def _unmounted(volume: DesiredVolume, seen: VolumeFacts, facts: NodeFacts, file: NodeFile) -> str:
    """Return why a volume must be mounted; empty if it is mounted, now and at the next boot."""
    if not volume.id:
        return "it is created and attached first"
    if not seen.link:
        return "the machine does not show it"
    if seen.mounted != "yes":
        return "it is not mounted"
    before = facts.files.get(file.path)
    if before is None:
        return "it would not be mounted at the next boot"
    same = before == hashlib.sha256(file.content.encode()).hexdigest()
    return "" if same else f"{file.path} differs"


def _occupied(volume: DesiredVolume, seen: VolumeFacts, facts: NodeFacts) -> str:
    """Return what prevents the mount. Files in the folder do not, if the volume was mounted there before."""
    if seen.mounted == "other":
        return "something else is mounted there"
    if seen.mounted == "no" and seen.elsewhere:
        return f"it is mounted at {seen.elsewhere}"
    known = unit_file(volume, seen.link).path in facts.files
    return "that folder has files in it, which the mount would hide" if seen.filled and not known else ""


def _strange(node: str, volume: DesiredVolume, seen: VolumeFacts) -> Diagnostic:
    what = "cannot be read" if seen.kind == "unknown" else f"has other contents ({seen.kind})"
    return Diagnostic(
        "KB0841",
        f"Volume {volume.name} of {node} ({seen.link}) {what}; {FILESYSTEM} is required, and only a volume "
        "without any signature is formatted.",
        f"look at it on the machine: blkid -p {seen.link}; wipefs {seen.link}. If its contents are not "
        f"needed: wipefs --all {seen.link}",
    )


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.3g}"
