"""Facts about machines that were read over SSH, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from kbootstrap.cluster.deadlines import FAILURES, STEADY
from kbootstrap.cluster.lock.holder import Holder
from kbootstrap.cluster.state.certificates import Certificate
from kbootstrap.cluster.state.snapshots import Snapshot
from kbootstrap.cluster.state.unit import UnitState
from kbootstrap.cluster.state.upkeep import NO_UPKEEP, Upkeep

INITIAL = "initial"
"""The join drop-in of the server that starts the cluster: it names no other server."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An artifact in the node's stamp. `intact`: a file of exactly that size exists."""

    sha256: str
    version: str
    intact: bool


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """A volume on the machine. Sizes in bytes: of the disk, and of the filesystem if it is ext4.

    `link` is its name below /dev/disk/by-id, empty where it is not seen. `kind` is what blkid found: a
    filesystem or something else, `none`, or `unknown` where that could not be determined. `mounted` is about
    the wanted folder: by this disk (`yes`), by something `other`, or `no`; `filled`: whether it has files in
    it while it is no mount, `elsewhere` where else the disk is mounted.
    """

    link: str = ""
    bytes: int = 0
    kind: str = "unknown"
    size: int = 0
    mounted: Literal["yes", "no", "other"] = "no"
    filled: bool = False
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class TokenMarks:
    """The tokens of a node: the beginning of the SHA-256 of each password, for comparison only.

    `own` is what its service starts with. On servers, `agents` is what they let agents join with, `accepted`
    the server token that the service wrote down last; `next` and `next_agents` are staged ones,
    of a rotation that has not come to its end. Empty where there is none.
    """

    own: str = ""
    agents: str = ""
    accepted: str = ""
    next: str = ""
    next_agents: str = ""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """The facts about one machine, from `observe/facts.py`. Contains no secret.

    Sizes are MiB. `time` (UTC) is its clock at that moment, `clock_skew` the node's clock minus ours, in
    seconds; one second means nothing. `cgroup_memory`: whether the kernel can limit memory. `files` has the
    sha256 of every file of ours that is there, `texts` the content of those that begin with our header.
    `claimed` is the cluster that our stamp names; `traces` are existing paths of this distribution, from any
    installation; `others` names Kubernetes installations of another kind. `cluster_id` (servers) and
    `token_ca` (what the node joins with) are the public CA hash inside `K10` tokens. `join` is the join
    drop-in: `INITIAL`, a URL, or None. `restart_pending`: configuration was changed while the service ran,
    and it has not restarted since. `removed_from_etcd`: kbootstrap was about to remove this server from etcd;
    whether it was removed, the API knows. `volumes` are the extra volumes of the spec, by name. `restoring`
    is the mark of a restore that has not finished. `lease` is the run that changes the cluster.
    `certificates` are those of the server's and the agent's TLS folders, each file's own. `snapshot` is the
    newest of etcd on its disk. `tokens` identifies its tokens. Of the distribution's requirements, `programs`
    are those in the search path of services, `cgroups` the controllers of version 2, each None where that is
    not known; `lacking_modules` are modules that the kernel certainly lacks; `mounts` has, by folder, those
    of the mount options `ro` and `noexec` that its file system has. `listening` are TCP ports that a program
    listens on. `default_interface` is that of the default route. `addresses` are the global addresses of its
    interfaces, in their order; nothing where they are not known. `overlay` has the addresses of other nodes
    in the network of the pods that were tried, and whether each answered. `upkeep` is what its operating
    system waits for.
    """

    name: str
    os: str = ""
    arch: str = ""
    hostname: str = ""
    time: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    clock_skew: int = 0
    cpus: int = 0
    memory: int = 0
    swap: int = 0
    disk_data: int = 0
    disk_binary: int = 0
    systemd: bool = False
    cgroup_memory: bool = False
    default_route: bool = False
    default_interface: str = ""
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    overlay: Mapping[str, bool] = field(default_factory=dict)
    programs: frozenset[str] | None = None
    cgroups: frozenset[str] | None = None
    lacking_modules: frozenset[str] = frozenset()
    mounts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    listening: frozenset[int] = frozenset()
    units: Mapping[str, UnitState] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, Installed] = field(default_factory=dict)
    claimed: str | None = None
    traces: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    etcd: bool = False
    cluster_id: str | None = None
    token: Literal["none", "short", "full"] = "none"  # noqa: S105 - the form of the token, not a token
    token_ca: str | None = None
    agent_token: bool = False
    join: str | None = None
    node_password: bool = False
    restart_pending: bool = False
    removed_from_etcd: bool = False
    restoring: str = ""
    volumes: Mapping[str, VolumeFacts] = field(default_factory=dict)
    lease: Holder | None = None
    certificates: tuple[Certificate, ...] = ()
    snapshot: Snapshot | None = None
    tokens: TokenMarks = TokenMarks()
    upkeep: Upkeep = NO_UPKEEP

    @property
    def registered(self) -> bool:
        """Whether this machine has been a node before: etcd data, or the password of its Node object."""
        return self.etcd or self.node_password

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions of the artifacts that our stamp names, by path."""
        return {path: artifact.version for path, artifact in self.artifacts.items()}

    def unit(self, name: str) -> UnitState:
        """Return the state of a unit; one that systemd does not know is absent."""
        return self.units.get(name, UnitState())

    def crash_looping(self, name: str) -> bool:
        """Return whether a unit is crash-looping: restarted often, and no process of it has lasted."""
        unit = self.unit(name)
        if unit.restarts < FAILURES or not unit.started:
            return False
        return unit.active != "active" or 0 < self.time.timestamp() - unit.since < STEADY
