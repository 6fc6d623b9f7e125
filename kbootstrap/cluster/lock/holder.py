"""The holder of a cluster's lease: how a run describes itself, and how another run reads that. No secret."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

_LONGEST = 120
"""Characters of one field that are shown."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, identified also against a later process with the same number, or one in a container.

    `boot` is the kernel's random name of this start of the machine, `space` its PID namespace, `started` the
    process's start in clock ticks (field 22 of /proc/PID/stat). Empty where there is no /proc.
    """

    pid: int
    boot: str = ""
    space: str = ""
    started: str = ""

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """Return a process of this machine; None if it does not exist or has ended."""
        proc = Path("/proc")
        with contextlib.suppress(OSError, IndexError):
            # After the name, which may have spaces and brackets in it.
            fields = (
                (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
            )
            state, *rest = fields.split()
            if state in {"Z", "X"}:
                return None
            boot = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            return cls(pid, boot, str((proc / "self/ns/pid").readlink()), rest[18])
        return None

    def dead(self, found: Process | None, here: Process | None) -> bool:
        """Return whether this process has certainly ended; pure.

        `found` is what has its number now, `here` a process of the machine where that was looked up.
        """
        if not (self.boot and self.started and here):
            return False
        return (self.boot, self.space) == (here.boot, here.space) and found != self


@dataclass(frozen=True, slots=True)
class Holder:
    """A run that holds a lease. `since` is UTC by the server's clock; `age` seconds since it was renewed."""

    id: str
    user: str
    host: str
    process: Process
    since: str = ""
    age: int = 0
    released: bool = False

    @classmethod
    def me(cls) -> Holder:
        """Return this run."""
        pid = os.getpid()
        return cls(
            secrets.token_hex(8), user(), platform.node() or "unknown", Process.of(pid) or Process(pid)
        )

    def fields(self) -> str:
        """Return the text of this run's lease, one field per line."""
        process = self.process
        words = {
            "user": self.user,
            "host": self.host,
            "pid": str(process.pid),
            "boot": process.boot,
            "space": process.space,
            "started": process.started,
        }
        return "".join(f"{name} {_plain(value)}\n" for name, value in words.items())

    @property
    def who(self) -> str:
        """The user, the machine and the start time, for messages."""
        if not (self.user and self.host):
            return "an unknown user"
        return f"{self.user}@{self.host}, process {self.process.pid}, since {self.since} UTC"

    def ended(self) -> bool:
        """Return whether this run was on this machine and has ended."""
        return self.process.dead(Process.of(self.process.pid), Process.of(os.getpid()))


def read(text: str) -> Holder | None:
    """Read a lease; None if the text is not a lease."""
    words = {name: _plain(value) for name, _, value in (line.partition(" ") for line in text.splitlines())}
    if not words.get("id"):
        return None
    pid, age = words.get("pid", ""), words.get("age", "")
    return Holder(
        id=words["id"],
        user=words.get("user", ""),
        host=words.get("host", ""),
        process=Process(
            int(pid) if pid.isascii() and pid.isdigit() else 0,
            words.get("boot", ""),
            words.get("space", ""),
            words.get("started", ""),
        ),
        since=words.get("since", ""),
        age=int(age) if age.isascii() and age.isdigit() else 0,
        released=words.get("renewed") == "-",
    )


def holding(text: str, ttl: int) -> Holder | None:
    """Read a lease that contains the server's time (`now`); None if it has expired."""
    words = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    renewed, now = words.get("renewed", ""), words.get("now", "")
    if not (renewed.isdecimal() and now.isdecimal() and 0 <= int(now) - int(renewed) < ttl):
        return None
    found = read(text)
    return replace(found, age=int(now) - int(renewed)) if found else None


def user() -> str:
    """Return the name of the operator on this machine."""
    with contextlib.suppress(OSError, KeyError):
        return getpass.getuser()
    return f"user {os.getuid()}"  # containers run with numbers that no passwd knows


def _plain(value: str) -> str:
    return "".join(sign for sign in value if sign.isprintable())[:_LONGEST]
