"""What the rest of kbootstrap may ask of a machine. `ssh.py` does it for real, `fake.py` for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kbootstrap.inventory.model import Machine


@dataclass(frozen=True, slots=True)
class Output:
    """What a command on a host printed. `status` is its exit status.

    Nothing else is in it: what a login shell or its start files print is left out. `cut`: stdout was so long
    that a part of its middle is missing; a line says so there.
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
    """One connection to one machine. Commands run as root (through sudo where the user is not root)."""

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
        """Place a file, owned by root, in one step: sent beside the destination, then renamed over it.

        Parent folders are made. `content` is the bytes, or a local file to stream. Raises as `run`, and
        `InstallFailed` with "no space left" said plainly when the disk is full.
        """

    async def close(self) -> None:
        """End the connection; never raises."""


class Connector(Protocol):
    """Opens connections."""

    async def connect(self, machine: Machine, *, deadline: float) -> Host:
        """Connect, retrying while the machine boots, until `deadline` seconds have passed.

        Raises `HostUnreachable` (with the last cause), `HostKeyChanged`, or `CredentialsRefused` at once when
        the machine answers and refuses every key.
        """
