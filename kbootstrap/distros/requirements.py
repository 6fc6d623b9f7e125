"""What a machine must have to become a node: the kinds of requirements. Each distribution has its own list.

`doctor`, the checks before an installation, facts and `docs/machines.md` all read that list. Pure data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Place = Literal["data", "program"]


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB of memory: `enough`, and `least`, with which an installation is refused."""

    enough: int
    least: int


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """MiB that must be free below `folder`; `place` says which of the distribution's folders it is."""

    place: Place
    folder: str
    size: int


@dataclass(frozen=True, slots=True)
class Port:
    """A port that the node listens on. `peers` says which machines must reach it."""

    number: int
    protocol: Literal["TCP", "UDP"]
    peers: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Program:
    """A program that must be in the search path of services. `package` installs it, on most systems.

    `bundled`: the vendor's release brings its own; a build from source does not. `vital`: without it the
    service ends; else only `purpose` is lost.
    """

    name: str
    package: str
    purpose: str
    bundled: bool = False
    vital: bool = True


@dataclass(frozen=True, slots=True)
class KernelModule:
    """A module that the kernel must have, built in or to load. `vital` as for programs."""

    name: str
    purpose: str
    vital: bool = True


@dataclass(frozen=True, slots=True)
class CgroupController:
    """A controller of control groups that the kernel must offer."""

    name: str


@dataclass(frozen=True, slots=True)
class UsableFolder:
    """A folder whose file system must not have any of these mount options (`ro`, `noexec`)."""

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
    """Return the folders of a list that must be usable."""
    return tuple(one for one in needs if isinstance(one, UsableFolder))


def ports(needs: Iterable[Requirement], protocol: Literal["TCP", "UDP"] = "TCP") -> tuple[int, ...]:
    """Return the ports of a list."""
    return tuple(one.number for one in needs if isinstance(one, Port) and one.protocol == protocol)
