"""The desired state of a cluster's nodes, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.distros.model import Artifact, Distribution, NodeFile, Role
from kbootstrap.spec.maintenance import Maintenance
from kbootstrap.spec.model import Taint


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A verified artifact on the operator's machine."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class DesiredVolume:
    """An extra volume: `id` is the provider's, empty until the volume is created; `bytes` is its size."""

    name: str
    id: str
    mount: str
    bytes: int


@dataclass(frozen=True, slots=True)
class DesiredNode:
    """One node. `at_once` is how many nodes of its pool may restart at the same time.

    `address` is its machine's, empty while there is none.
    """

    name: str
    role: Role
    pool: str
    files: tuple[NodeFile, ...]
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    at_once: int = 1
    volumes: tuple[DesiredVolume, ...] = ()
    address: str = ""


@dataclass(frozen=True, slots=True)
class DesiredArchive:
    """The archive of an image on a server, with its SHA-256."""

    artifact: Artifact
    sha256: str


@dataclass(frozen=True, slots=True)
class DesiredCluster:
    """The cluster. `registration` is the URL through which nodes join.

    `artifacts` are those of the version for each architecture; `local` has those that are on this machine
    already, by name, and may be empty: then an artifact on a node is judged by its version alone.
    `additions` are the infrastructure's; `good` the marks of a Secret of theirs that needs nothing.
    `private` are files of servers with secrets, content by path: they stand in no plan. `machines` are those
    that the cluster is to remember, by node name; none where the infrastructure knows them. `bundled` says
    for each architecture whose artifacts are on this machine whether they bring programs of their own, as the
    vendor's do; builds from source do not. `common` are files with secrets of every node, content by path,
    `secret_paths` the paths of all of them, also where their content is not known. `maintenance` is what is
    done about updates of the machines' operating system. `archives` are images that servers get, `access` the
    marks of valid credentials of the autoscaler's server.
    """

    cluster: str
    version: str
    registration: str
    distro: Distribution
    nodes: tuple[DesiredNode, ...]
    artifacts: Mapping[str, tuple[Artifact, ...]]
    local: Mapping[str, LocalFile] = field(default_factory=dict)
    additions: Additions = NOTHING
    good: frozenset[str] = frozenset()
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    machines: Mapping[str, Recorded] = field(default_factory=dict)
    bundled: Mapping[str, bool] = field(default_factory=dict)
    common: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_paths: frozenset[str] = frozenset()
    maintenance: Maintenance | None = None
    archives: tuple[DesiredArchive, ...] = ()
    access: frozenset[str] = frozenset()

    @property
    def servers(self) -> tuple[DesiredNode, ...]:
        """The control-plane nodes, in the order of the spec."""
        return tuple(node for node in self.nodes if node.role == "server")

    def node(self, name: str) -> DesiredNode:
        """Return the node of that name; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)
