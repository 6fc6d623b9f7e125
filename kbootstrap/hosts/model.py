"""The interface to machines. `ssh.py` implements it over SSH, `tests/hosts/fake.py` for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kbootstrap.inventory.model import Machine


@dataclass(frozen=True, slots=True)
class Output:
    """The output of a command on a host. `status` is its exit status.

    Output of the login shell's start files is excluded. `cut`: stdout was too long, and its middle is
    replaced by a line that says so.
    """

    status: int
    stdout: str
    stderr: str
    cut: bool = False

    @property
    def tail(self) -> str:
        """The last 20 lines, stderr preferred: evidence for an error message."""
        said = self.stderr.strip() or self.stdout.strip()
        return "\n".join(said.splitlines()[-20:])


Transferred = Callable[[int, int], None]
"""Called with bytes done and bytes in total while a file is sent."""


class Host(Protocol):
    """One connection to one machine. Commands run as root (through sudo if the user is not root)."""

    name: str

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        """Run a shell command line (`sh`), `deadline` in seconds.

        Raises `DeadlinePassed`, `HostUnreachable` when the connection breaks and, with `check`,
        `InstallFailed` with the output's tail when the status is not 0. Secrets go through `stdin`, never
        into `command`.
        """

    async def put(
        self,
        content: bytes | Path,
        destination: str,
        *,
        mode: int,
        deadline: float,
        progress: Transferred | None = None,
    ) -> None:
        """Write a file, owned by root, atomically: sent to a temporary file beside it, then renamed.

        Parent folders are created. `content` is the bytes, or a local file to stream. Raises as `run`, and
        `InstallFailed` with "no space left" in its message when the disk is full.
        """

    async def close(self) -> None:
        """Close the connection; never raises."""


class Connector(Protocol):
    """Opens connections."""

    async def connect(self, machine: Machine, *, deadline: float) -> Host:
        """Connect, retrying while the machine boots, until `deadline` seconds have passed.

        Raises `HostUnreachable` (with the last cause) or `HostKeyChanged`, and `CredentialsRefused`
        immediately when the machine responds and rejects every key.
        """
