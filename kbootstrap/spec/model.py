"""The spec as frozen data: what the rest of kbootstrap reads. Made by `load`, never changed.

Values are checked and `defaults:` are merged in; every optional key has its default. What differs per
infrastructure stays a mapping (`ProviderSpec.settings`, checked against `schemas/providers/<name>.json`) and
is read by `providers/<name>/`, so that a new provider changes nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Literal

from kbootstrap.core.diagnostics import Span, SpecPath

CONTROL_PLANE = "control-plane"
"""The pool name of control-plane nodes; no other pool may have it."""


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """A value that stands in an environment variable: `{env: NAME}`."""

    name: str


@dataclass(frozen=True, slots=True)
class FromFile:
    """A value that stands in a file: `{file: PATH}`; relative to the spec, `~` is the home folder."""

    path: str


Reference = FromEnvironment | FromFile
"""Where a secret, or anything else that must not stand in the spec, is read at run time."""


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """Which provider makes the machines, and its settings as plain JSON values."""

    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """What is installed on the nodes. `disable` names packaged components that are left out."""

    distribution: str
    version: str
    secrets_encryption: bool
    profile: Literal["cis"] | None
    disable: tuple[str, ...]
    pod_cidr: IPv4Network
    service_cidr: IPv4Network


@dataclass(frozen=True, slots=True)
class Network:
    """The cluster's network, and inside it one subnet for the control plane and one for agents."""

    cidr: IPv4Network
    control_plane: IPv4Network
    agents: IPv4Network


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """How operators reach the Kubernetes API.

    `endpoint` is `load_balancer`, `floating_ip`, `virtual_ip`, an address or a host name. Where nobody wrote
    it, it is what the provider's schema says; None where that says nothing.
    """

    endpoint: str | None
    allowed_cidrs: tuple[IPv4Network, ...]


@dataclass(frozen=True, slots=True)
class Volume:
    """An extra volume of every node of a pool; `size_gib` in GiB, `mount` an absolute path."""

    name: str
    size_gib: int
    type: str | None
    mount: str

    @property
    def folder(self) -> str:
        """The path where it is mounted, without slashes that mean nothing."""
        return "/" + "/".join(part for part in self.mount.split("/") if part not in ("", "."))


@dataclass(frozen=True, slots=True)
class HostSpec:
    """A machine that exists already (`ssh` provider).

    `port` is where SSH answers, None: as the cluster's `ssh.port`. `ssh_host` is what SSH connects to, None:
    `address`.
    """

    name: str
    address: str
    labels: Mapping[str, str]
    port: int | None = None
    ssh_host: str | None = None


@dataclass(frozen=True, slots=True)
class Taint:
    """A node taint, written `key=value:Effect` or `key:Effect`."""

    key: str
    value: str
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """Bounds of a pool that grows and shrinks with its load."""

    min: int
    max: int


@dataclass(frozen=True, slots=True)
class Pool:
    """Nodes that are alike. The control plane is one too, with the name `control-plane`.

    `nodes` is the wanted number; for an autoscaled pool its minimum. `hosts` is filled instead of made
    machines by the `ssh` provider, and `nodes` is then their number. `max_unavailable` is a number of nodes,
    also where the spec has a share. `renamed_from` has the names that the pool had before, the first one
    first.
    """

    name: str
    nodes: int
    autoscaling: Autoscaling | None
    flavor: str | None
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    max_unavailable: int
    anti_affinity: Literal["none", "soft", "hard"]
    volumes: tuple[Volume, ...]
    hosts: tuple[HostSpec, ...]
    renamed_from: tuple[str, ...] = ()

    @property
    def born(self) -> str:
        """The name under which its nodes are made: node names and addresses stay with it."""
        return self.renamed_from[0] if self.renamed_from else self.name

    @property
    def capacity(self) -> int:
        """The largest number of nodes that the spec allows."""
        return self.autoscaling.max if self.autoscaling else self.nodes


@dataclass(frozen=True, slots=True)
class SshSettings:
    """How operators reach the nodes.

    `user` None leaves it to the provider; `private_key` None: the agent; `port` None: OpenSSH's.
    """

    user: str | None
    private_key: Reference | None
    authorized_keys: tuple[Reference | str, ...]
    allowed_cidrs: tuple[IPv4Network, ...]
    port: int | None = None


@dataclass(frozen=True, slots=True)
class S3:
    """A bucket of an S3 service; `credentials` names the variable prefix or the file.

    `insecure` is plain HTTP; `ca` the authority that the service's certificate is verified by.
    """

    bucket: str
    endpoint: str
    region: str
    folder: str | None
    credentials: Reference | None
    insecure: bool = False
    ca: Reference | None = None


@dataclass(frozen=True, slots=True)
class Snapshots:
    """When etcd snapshots are made (cron, five fields), how many are kept, and where they are copied.

    `passphrase` encrypts the server token that is kept beside them.
    """

    schedule: str
    retention: int
    s3: S3 | None
    passphrase: Reference | None = None


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A public load balancer in front of a pool's nodes."""

    name: str
    ports: tuple[int, ...]
    pool: str


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """An object-storage container that belongs to the cluster; never deleted with it unless asked."""

    name: str
    versioning: bool


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Where files of a version come from besides the vendor: a mirror's base URL."""

    mirror: str | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """One Kubernetes cluster. `network` is None where the provider's machines have their own addresses."""

    name: str
    provider: ProviderSpec
    kubernetes: Kubernetes
    network: Network | None
    api: ApiSettings
    control_plane: Pool
    pools: tuple[Pool, ...]
    ssh: SshSettings
    artifacts: Artifacts
    snapshots: Snapshots | None
    load_balancers: tuple[LoadBalancer, ...]
    pod_isolation: Literal["none", "default_deny"]
    buckets: tuple[BucketSettings, ...]


@dataclass(frozen=True, slots=True)
class StateSettings:
    """Where OpenTofu's state is kept: `backend` is its type (`local`, `s3`, …), `settings` are its own."""

    backend: str
    settings: Mapping[str, Any]
    passphrase: Reference | None


class SourceMap:
    """From places in the resolved spec to places in the file.

    Values that came from `defaults:` or an anchor lead to where they were written; a value that is not
    written leads to the nearest enclosing key that is.
    """

    def __init__(self, keys: Mapping[SpecPath, Span], values: Mapping[SpecPath, Span]) -> None:
        self._keys = keys
        self._values = values

    def key(self, path: SpecPath) -> Span | None:
        """Return the span of the key at `path`, else of the nearest written place around it."""
        return self._nearest(path, self._keys, self._values)

    def value(self, path: SpecPath) -> Span | None:
        """Return the span of the value at `path`, else of the nearest written place around it."""
        return self._nearest(path, self._values, self._keys)

    def written(self, path: SpecPath) -> bool:
        """Return whether a value is written at exactly this place (or in its defaults)."""
        return path in self._values

    @property
    def paths(self) -> tuple[SpecPath, ...]:
        """Every written place, in the order of the file's resolved tree."""
        return tuple(self._values)

    @staticmethod
    def _nearest(path: SpecPath, *maps: Mapping[SpecPath, Span]) -> Span | None:
        while True:
            for spans in maps:
                if path in spans:
                    return spans[path]
            if not path:
                return None
            path = path[:-1]


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole spec file."""

    name: str
    clusters: tuple[Cluster, ...]
    state: StateSettings
    path: Path
    source: SourceMap = field(compare=False, repr=False)

    def cluster(self, name: str) -> Cluster:
        """Return the cluster of that name; KeyError where there is none."""
        for cluster in self.clusters:
            if cluster.name == name:
                return cluster
        raise KeyError(name)


def pool_path(cluster: Cluster, pool: Pool) -> SpecPath:
    """Return where a pool stands in the resolved spec."""
    if pool.name == CONTROL_PLANE:
        return ("clusters", cluster.name, "control_plane")
    return ("clusters", cluster.name, "pools", [p.name for p in cluster.pools].index(pool.name))


@dataclass(frozen=True, slots=True)
class Node:
    """One wanted node: `<cluster>-<pool>-<ordinal>`, ordinals from 1; or the name of an existing host.

    A pool that was renamed keeps its first name there.

    `address` is what other nodes reach it by; for made machines it is computed and static.
    """

    name: str
    role: Literal["server", "agent"]
    pool: str
    ordinal: int
    address: IPv4Address | str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
