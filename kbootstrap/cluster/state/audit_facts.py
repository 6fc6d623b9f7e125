"""What audits know of a node: arguments of components, files, and the settings of its system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Arguments = Mapping[str, tuple[str, ...]]
"""The values of each argument of a component, in their order; without `--`."""

SSHD, SWAP, CLOCK, UPDATES, PORTS, ENCRYPTION = "sshd", "swap", "clock", "updates", "ports", "encryption"
"""Groups of facts that `AuditFacts.unread` can have, besides components, files (by pattern) and texts."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file or folder. `mode` are its permission bits, `owner` is `user:group`."""

    path: str
    mode: int
    owner: str


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket on which a program waits for other machines: TCP, or UDP without a peer."""

    protocol: str
    port: int
    program: str

    def __str__(self) -> str:
        return f"{self.protocol} {self.port}"


@dataclass(frozen=True, slots=True)
class PendingUpdates:
    """Security updates that the package manager knows; `age` is that of its lists, in seconds."""

    age: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """The facts of a node. `unread` has the reason for each group of facts that could not be read.

    `files` are by the pattern that was asked for, empty if there is none; `texts` are by path. `providers`
    are the kinds of encryption of Secrets, in their order, None if none are configured. `swap`, `listeners`,
    `updates` and `synchronized` are None if nothing reports them. `client_ports` is the first port that
    the kernel gives to clients.
    """

    name: str
    arguments: Mapping[str, Arguments] = field(default_factory=dict)
    files: Mapping[str, tuple[FileFacts, ...]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    kernel: Mapping[str, str] = field(default_factory=dict)
    sshd: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    swap: tuple[str, ...] | None = None
    synchronized: bool | None = None
    updates: PendingUpdates | None = None
    listeners: tuple[Listener, ...] | None = None
    providers: tuple[str, ...] | None = None
    client_ports: int = 32768
    unread: Mapping[str, str] = field(default_factory=dict)
