"""Rules about where volumes may be mounted."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.spec.model import Cluster, Spec
from kbootstrap.spec.rules_names import pools

_SYSTEM = (
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/run",
)
"""Folders of the operating system: no volume may be mounted on or below them."""
_MACHINE = ("/var/lib/kbootstrap", "/var/lib/kubelet", "/var/lib/rancher")
"""Folders with data of one machine and its membership in the cluster: a volume outlives the machine."""
_WHOLE = ("/home", "/opt", "/root", "/srv", "/tmp", "/var", "/var/lib", "/var/log")  # noqa: S108
"""Folders that the system uses itself: volumes may only be mounted below them."""


def mounts(spec: Spec, cluster: Cluster) -> Iterator[Diagnostic]:
    """Reject mounts that would hide files of the system or the node, or another volume."""
    for pool, path in pools(cluster):
        seen: set[str] = set()
        for index, volume in enumerate(pool.volumes):
            reason = _reason(volume.folder)
            if volume.folder in seen and volume.folder != volume.mount:
                reason = "is where another volume of the pool is mounted"
            seen.add(volume.folder)
            if reason:
                yield Diagnostic(
                    "KB0328",
                    f"{volume.folder} {reason}.",
                    f"Write a folder of its own, such as /var/lib/{volume.name}.",
                    spec.source.value((*path, "volumes", index, "mount")),
                )


def _reason(folder: str) -> str:
    if any(folder == one or folder.startswith(f"{one}/") for one in _SYSTEM):
        return "is part of the operating system"
    if any(folder == one or folder.startswith(f"{one}/") for one in _MACHINE):
        return (
            "belongs to the machine: a volume outlives it, and the next machine must begin there with nothing"
        )
    return "is a folder that the system keeps its own things in" if folder in _WHOLE else ""
