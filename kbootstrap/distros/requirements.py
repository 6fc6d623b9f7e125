"""The kinds of requirements for a machine to become a node. Each distribution has its own list.

`doctor`, the checks before an installation, facts and `docs/reference/machines.md` use that list. Pure data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Place = Literal["data", "program"]
Protocol = Literal["TCP", "UDP"]
Peers = Literal["nodes", "servers", "self"]
"""Which nodes must reach a port: every node, servers only, or no other machine."""


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB of memory: `enough` is recommended; below `least` an installation is refused."""

    enough: int
    least: int


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """MiB that must be free in `folder`; `place` identifies the distribution's folder."""

    place: Place
    folder: str
    size: int


@dataclass(frozen=True, slots=True)
class Port:
    """A port on which the node listens. `peers` are the nodes that must be able to reach it.

    `joining`: a node cannot join without it. `clients`: others that need it, for the documentation.
    """

    number: int
    protocol: Protocol
    peers: Peers
    purpose: str
    joining: bool = False
    clients: str = ""

    def __str__(self) -> str:
        return f"{self.protocol} {self.number}"


@dataclass(frozen=True, slots=True)
class Program:
    """A program that must be in the PATH of services. `package` installs it on most systems.

    `bundled`: the vendor's release includes it; a build from source does not. `vital`: the service does not
    run without it; otherwise only `purpose` is unavailable.
    """

    name: str
    package: str
    purpose: str
    bundled: bool = False
    vital: bool = True


@dataclass(frozen=True, slots=True)
class KernelModule:
    """A kernel module, built in or loadable. `vital` as for programs."""

    name: str
    purpose: str
    vital: bool = True


@dataclass(frozen=True, slots=True)
class CgroupController:
    """A cgroup controller that the kernel must provide."""

    name: str


@dataclass(frozen=True, slots=True)
class UsableFolder:
    """A folder whose file system must not be mounted with any of these options (`ro`, `noexec`)."""

    folder: str
    refused: tuple[str, ...]
    purpose: str


Requirement = Memory | FreeSpace | Port | Program | KernelModule | CgroupController | UsableFolder
Requirements = tuple[Requirement, ...]


def programs(needs: Iterable[Requirement]) -> tuple[Program, ...]:
    """Return the programs of a list."""
    return tuple(one for one in needs if isinstance(one, Program))


def modules(needs: Iterable[Requirement]) -> tuple[KernelModule, ...]:
    """Return the kernel modules of a list."""
    return tuple(one for one in needs if isinstance(one, KernelModule))


def folders(needs: Iterable[Requirement]) -> tuple[UsableFolder, ...]:
    """Return the usable-folder requirements of a list."""
    return tuple(one for one in needs if isinstance(one, UsableFolder))


def ports(needs: Iterable[Requirement], protocol: Protocol = "TCP") -> tuple[int, ...]:
    """Return the ports of a list."""
    return tuple(one.number for one in needs if isinstance(one, Port) and one.protocol == protocol)
