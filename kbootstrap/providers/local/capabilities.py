"""Kernel capabilities that a node may have: those that Docker 20.10 supports.

kubelet, systemd and CNI plugins need none of the later ones (PERFMON, BPF, CHECKPOINT_RESTORE).
"""

from __future__ import annotations

from pathlib import Path

NAMES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
)
"""In the order of linux/capability.h, from bit 0."""


def available(*, elsewhere: bool) -> tuple[str, ...]:
    """Return this machine's bounding set (`/proc/self/status`); all capabilities for a remote engine."""
    status = Path("/proc/self/status")
    if elsewhere or not status.is_file():
        return NAMES
    line = next(line for line in status.read_text().splitlines() if line.startswith("CapBnd:"))
    mask = int(line.split()[1], 16)
    return tuple(name for bit, name in enumerate(NAMES) if mask >> bit & 1)
