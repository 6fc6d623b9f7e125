"""Facts about nodes, and what is wanted of them: the two inputs of `decide`, as frozen data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from kbootstrap.cluster.deadlines import FAILURES, STEADY
from kbootstrap.cluster.lock.holder import Holder
from kbootstrap.cluster.state.certificates import Certificate
from kbootstrap.cluster.state.snapshots import Snapshot
from kbootstrap.distros.additions import NOTHING, UNINITIALIZED, Additions
from kbootstrap.distros.model import Artifact, Distribution, NodeFile, Role
from kbootstrap.spec.model import Taint

INITIAL = "initial"
"""The join drop-in of the server that starts the cluster: it names no other server."""


@dataclass(frozen=True, slots=True)
class UnitState:
    """A systemd unit as `systemctl show` reports it: `load` is `not-found` where there is none.

    `since` is when its process was started (epoch, by the node's clock), 0 where that is not known.
    """

    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    enabled: bool = False
    restarts: int = 0
    since: int = 0

    @property
    def present(self) -> bool:
        """Whether systemd knows a unit of that name."""
        return self.load not in ("not-found", "")

    @property
    def started(self) -> bool:
        """Whether the unit runs, or systemd is about to (re)start it."""
        return self.active in ("active", "activating", "reloading")

    @property
    def restarting(self) -> bool:
        """Whether its process has ended, and systemd waits before it starts the next one."""
        return self.sub == "auto-restart"


def read_unit(pairs: Iterable[str]) -> UnitState:
    """Read what `systemctl show` prints, `Name=value` each; raises `ValueError` where a number is none."""
    values = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return UnitState(
        load=values.get("LoadState", "not-found"),
        active=values.get("ActiveState", "inactive"),
        sub=values.get("SubState", "dead"),
        enabled=values.get("UnitFileState") == "enabled",
        restarts=int(values.get("NRestarts") or "0"),
        since=int(values.get("ExecMainStartTimestampMonotonic") or "0") // 1_000_000,
    )


@dataclass(frozen=True, slots=True)
class Installed:
    """An artifact that our stamp on the node names. `intact`: a file of exactly that size is there."""

    sha256: str
    version: str
    intact: bool


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """A volume as the machine has it. Sizes in bytes: of the disk, and of the filesystem where it is ext4.

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
    """Which tokens a node has: the beginning of the SHA-256 of each password, only to compare them.

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
    """One machine as `gather` found it. Holds no secret.

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
    in the network of the pods that were tried, and whether each answered.
    """

    name: str
    os: str = ""
    arch: str = ""
    kernel: str = ""
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


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A verified artifact on the operator's machine."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class WantedVolume:
    """An extra volume: `id` as the provider gives it, empty while it is not made; `bytes` its size."""

    name: str
    id: str
    mount: str
    bytes: int


@dataclass(frozen=True, slots=True)
class WantedNode:
    """One node as the spec wants it. `at_once` is how many nodes of its pool may restart together.

    `address` is its machine's, empty while there is none.
    """

    name: str
    role: Role
    pool: str
    files: tuple[NodeFile, ...]
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    at_once: int = 1
    volumes: tuple[WantedVolume, ...] = ()
    address: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A machine that exists, as the cluster remembers it.

    SSH answers at `address`, or where `ssh_host` and `port` (0: not written) lead. `left`: its node has left,
    and Kubernetes could not be removed from the machine.
    """

    role: Role
    address: str
    left: bool = False
    ssh_host: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The cluster as the spec wants it. `registration` is the URL that nodes join through.

    `artifacts` are those of the version for each architecture; `local` has those that are on this machine
    already, by name, and may be empty: then an artifact on a node is judged by its version alone.
    `additions` are the infrastructure's; `good` the marks of a Secret of theirs that needs nothing.
    `private` are files of servers with secrets, content by path: they stand in no plan. `machines` are those
    that the cluster is to remember, by node name; none where the infrastructure knows them. `bundled` says
    for each architecture whose artifacts are on this machine whether they bring programs of their own, as the
    vendor's do; builds from source do not.
    """

    cluster: str
    version: str
    registration: str
    distro: Distribution
    nodes: tuple[WantedNode, ...]
    artifacts: Mapping[str, tuple[Artifact, ...]]
    local: Mapping[str, LocalFile] = field(default_factory=dict)
    additions: Additions = NOTHING
    good: frozenset[str] = frozenset()
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    machines: Mapping[str, Recorded] = field(default_factory=dict)
    bundled: Mapping[str, bool] = field(default_factory=dict)

    @property
    def servers(self) -> tuple[WantedNode, ...]:
        """The control-plane nodes, in the order of the spec."""
        return tuple(node for node in self.nodes if node.role == "server")

    def node(self, name: str) -> WantedNode:
        """Return the node of that name; KeyError where there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class ApiNode:
    """A Node object, as far as it matters here. `applied` is our annotation: what we set last time.

    `etcd` is the node's etcd membership: True voter, False not (yet), None unknown or no server; it may be
    15 s old. `leaving`: we cordoned it, because it was to go. `deleted`: it is on its way out. `heartbeat` is
    when its kubelet last spoke (epoch, by the node's clock). `taint_times` has the times that Kubernetes
    added to taints, by `key:Effect`.
    """

    name: str
    ready: bool
    version: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    addresses: tuple[str, ...] = ()
    applied: str | None = None
    etcd: bool | None = None
    resource_version: str = ""
    taint_times: Mapping[str, str] = field(default_factory=dict)
    deleted: bool = False
    unschedulable: bool = False
    reason: str = ""
    heartbeat: int = 0
    leaving: bool = False

    def ready_since(self, since: int) -> bool:
        """Whether the node is Ready, and not from before `since` (epoch; 0: whenever): that lingers a minute.

        What was said in the same second may be from before: a service needs longer to start.
        """
        return self.ready and (since == 0 or self.heartbeat > since)

    @property
    def known(self) -> bool:
        """Whether the infrastructure's controller knows the node, or needs not."""
        return all(taint.key != UNINITIALIZED for taint in self.taints)


@dataclass(frozen=True, slots=True)
class ApiFacts:
    """What the Kubernetes API says of the cluster's nodes.

    `mark` is that of the Secret that the infrastructure's programs read, None where there is none.
    `machines` are those that the cluster remembers (`record.py`), by node name.
    """

    nodes: Mapping[str, ApiNode]
    mark: str | None = None
    machines: Mapping[str, Recorded] = field(default_factory=dict)
