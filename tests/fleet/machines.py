"""Machines of a simulated fleet: files, units, one process of Kubernetes, and the members that it may be."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass, field
from typing import Literal

from kbootstrap import distros
from kbootstrap.distros.model import Distribution, Paths

PASSWORD = "/etc/rancher/node/password"
LEASE = "/run/kbootstrap/lease"
PENDING = "/run/kbootstrap/restart"
REBOOTS = "linux-image-amd64"
REQUIRED = "/run/reboot-required"


@dataclass(frozen=True)
class Layout:
    """Where a distribution has what, on the machines of the fleet."""

    distro: Distribution

    @property
    def paths(self) -> Paths:
        return self.distro.paths

    @property
    def data(self) -> str:
        return self.paths.images.removesuffix("/agent/images")

    @property
    def ca(self) -> str:
        return f"{self.data}/server/tls/server-ca.crt"

    @property
    def name(self) -> str:
        return f"{self.paths.etcd}/name"

    @property
    def wal(self) -> str:
        return f"{self.paths.etcd}/member"

    @property
    def tombstone(self) -> str:
        return f"{self.paths.etcd}/tombstone"

    @property
    def program(self) -> str:
        """The artifact that has the program; it is the program, or is unpacked to it."""
        return self.distro.artifacts("", "amd64")[0].path

    @property
    def outlives(self) -> bool:
        """Whether the control plane goes on when its service stops."""
        return bool(self.distro.halt)


@functools.cache
def layout(name: str) -> Layout:
    return Layout(distros.find(name))


Stage = Literal[
    "boot", "found", "bootstrap", "join", "learn", "etcd", "serve", "node", "up", "removed", "failed"
]


@dataclass(slots=True)
class Process:
    """A service that runs, or that systemd starts again in a moment (`failed`). `number` identifies it.

    A server answers its API since `served_at`, and refuses snapshots for a while (`world.REFUSES`).
    """

    unit: str
    number: int
    version: str
    began: float
    stage: Stage = "boot"
    etcd: bool = False
    serving: bool = False
    registered: bool = False
    ready_at: float = 0.0
    beat: float = 0.0
    served_at: float = 0.0


@dataclass(slots=True)
class Machine:
    """One machine. `files` are on its disk, `run` in memory; `instance` is new for each machine of a name.

    `up` is whether it runs, `answers` whether it can be reached. `pods` is the process whose control plane
    goes on without it, where the distribution has it in static pods. An elastic one has a `pool`, and the
    time at which it was requested.
    """

    name: str
    instance: str
    address: str
    kind: str = "k3s"
    up: bool = True
    answers: bool = True
    booted: float = 0.0
    files: dict[str, bytes] = field(default_factory=dict)
    run: dict[str, bytes] = field(default_factory=dict)
    enabled: set[str] = field(default_factory=set)
    process: Process | None = None
    pods: Process | None = None
    restarts: int = 0
    journal: str = ""
    pool: str = ""
    created: float = 0.0
    updates: set[str] = field(default_factory=set)
    """Packages with a security update. `REBOOTS` is one that requires a reboot."""

    @property
    def layout(self) -> Layout:
        return layout(self.kind)

    @property
    def paths(self) -> Paths:
        return self.layout.paths

    @property
    def well(self) -> bool:
        return self.up and self.answers

    @property
    def alive(self) -> Process | None:
        """The process, where there is one and the network reaches it."""
        return self.process if self.well and self.process and self.process.stage != "failed" else None

    @property
    def control(self) -> Process | None:
        """What answers for this server: its process, or the control plane that it left."""
        alive = self.alive
        return alive if alive and alive.etcd else (self.pods if self.well and self.pods else alive)

    def unpack(self) -> None:
        """Put the program of the artifact in place."""
        if self.layout.program != self.paths.binary and self.has(self.layout.program):
            self.put(self.paths.binary, self.files[self.layout.program])

    def text(self, path: str) -> str:
        content = self.run.get(path) if path.startswith("/run/") else self.files.get(path)
        return content.decode() if content is not None else ""

    def put(self, path: str, content: str | bytes) -> None:
        data = content.encode() if isinstance(content, str) else content
        (self.run if path.startswith("/run/") else self.files)[path] = data

    def remove(self, *prefixes: str) -> None:
        """Remove files, and folders with everything in them."""
        for kept in (self.files, self.run):
            for path in [p for p in kept if any(p == one or p.startswith(f"{one}/") for one in prefixes)]:
                del kept[path]

    def has(self, place: str) -> bool:
        """Return whether a file, or something in a folder, is there."""
        return any(p == place or p.startswith(f"{place}/") for p in (*self.files, *self.run))

    def version(self) -> str:
        """Return the version of the program that is in place."""
        return self.text(self.paths.binary).split("\n")[0].removeprefix(f"{self.kind} ")

    def config(self, key: str) -> str:
        """Return a value of the join drop-in."""
        found = re.search(rf"^{key}: (.*)$", self.text(self.paths.join), re.MULTILINE)
        return found[1].strip('"') if found else ""

    def listed(self, key: str) -> list[str]:
        """Return a list of the node's drop-in."""
        text = self.text(f"{self.paths.join.rpartition('/')[0]}/20-kbootstrap-node.yaml")
        found = re.search(rf"^{key}:\n((?:  - .*\n)*)", text, re.MULTILINE)
        return [line.strip().removeprefix("- ").strip('"') for line in found[1].splitlines()] if found else []


@dataclass(slots=True)
class Member:
    """A member of etcd; `id` stands in the data on its machine's disk."""

    id: str
    node: str
    voter: bool


@dataclass(slots=True)
class Pod:
    """A pod of one workload; a daemon's has the node in its name and dies with it."""

    name: str
    owner: str
    node: str
    ready_at: float
    daemon: bool = False


@dataclass(slots=True)
class Node:
    """A Node object, and which machine's kubelet speaks for it. `voter` is the condition as it was set."""

    name: str
    instance: str
    labels: dict[str, str]
    taints: list[dict[str, str]]
    annotations: dict[str, str] = field(default_factory=dict)
    unschedulable: bool = False
    revision: int = 1
    version: str = ""
    voter: bool | None = None
    beat: float = 0.0
    ready: bool = False
    deleting: bool = False


@dataclass(slots=True)
class Cluster:
    """The data of one etcd: its members, and the objects that matter here."""

    ca: str
    members: dict[str, Member] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    configs: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.ca.encode()).hexdigest()

    @property
    def voters(self) -> list[Member]:
        return [member for member in self.members.values() if member.voter]
