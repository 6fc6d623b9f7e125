"""The spec as frozen data, used by the rest of kbootstrap. Created by `load`, never changed.

Values are validated and `defaults:` are merged; every optional key has its default. Provider settings remain
a mapping (`ProviderSpec.settings`, validated against `schemas/providers/<name>.json`) that only
`providers/<name>/` reads, so that a new provider needs no change here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Literal

from kbootstrap.core.diagnostics import SpecPath
from kbootstrap.spec.images import AutoscalerPods
from kbootstrap.spec.maintenance import Maintenance
from kbootstrap.spec.prices import Budget, Prices
from kbootstrap.spec.source_map import SourceMap

CONTROL_PLANE = "control-plane"
"""The pool name of control-plane nodes; reserved."""


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """A value in an environment variable: `{env: NAME}`."""

    name: str


@dataclass(frozen=True, slots=True)
class FromFile:
    """A value in a file: `{file: PATH}`; relative to the spec, `~` is the home folder."""

    path: str


Reference = FromEnvironment | FromFile
"""The source of a secret, or of another value that must not be in the spec, read at run time."""


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """The provider that creates the machines, and its settings as plain JSON values."""

    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """The Kubernetes installation on the nodes. `disable` names packaged components to omit.

    `cni` and `ingress_controller` are None where the spec does not set them: the distribution decides.
    """

    distribution: str
    version: str
    secrets_encryption: bool
    profile: Literal["cis"] | None
    disable: tuple[str, ...]
    pod_cidr: IPv4Network
    service_cidr: IPv4Network
    cni: str | None = None
    ingress_controller: str | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """The cluster's network, and inside it one subnet for the control plane and one for agents."""

    cidr: IPv4Network
    control_plane: IPv4Network
    agents: IPv4Network


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """How operators reach the Kubernetes API.

    `endpoint` is `load_balancer`, `floating_ip`, `virtual_ip`, an address or a host name. If it is not in the
    spec, it is the default in the provider's schema, or None if the schema has no default.
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
        """The mount path, without redundant slashes."""
        return "/" + "/".join(part for part in self.mount.split("/") if part not in ("", "."))


@dataclass(frozen=True, slots=True)
class HostSpec:
    """An existing machine (`ssh` provider).

    `port` is the SSH port, None: the cluster's `ssh.port`. `ssh_host` is the SSH host, None: `address`.
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
    """Size limits of an autoscaled pool.

    `flavors` are the flavors of its nodes, the pool's own first; empty if machines of the provider have none.
    Nodes up to `min` have the first one. `scale_down_after` is in seconds. Of several pools that could run a
    pod, the one with the highest `priority` grows.
    """

    min: int
    max: int
    flavors: tuple[str, ...] = ()
    scale_down_after: int = 600
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of identical nodes. The control plane is also a pool, with the name `control-plane`.

    `nodes` is the desired number; for an autoscaled pool its minimum. With the `ssh` provider, `hosts` lists
    existing machines, and `nodes` is their number. `max_unavailable` is a number of nodes, also if the spec
    has a percentage. `renamed_from` has the pool's former names, oldest first.
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
        """The pool's first name, on which node names and addresses are based."""
        return self.renamed_from[0] if self.renamed_from else self.name

    @property
    def capacity(self) -> int:
        """The largest number of nodes that the spec allows."""
        return self.autoscaling.max if self.autoscaling else self.nodes

    @property
    def flavors(self) -> tuple[str, ...]:
        """All flavors that nodes of the pool can have, its own first; empty if its machines have none."""
        if self.autoscaling and self.autoscaling.flavors:
            return self.autoscaling.flavors
        return (self.flavor,) if self.flavor is not None else ()


@dataclass(frozen=True, slots=True)
class SshSettings:
    """How operators reach the nodes.

    `user` None: the provider's default; `private_key` None: the SSH agent; `port` None: OpenSSH's default.
    """

    user: str | None
    private_key: Reference | None
    authorized_keys: tuple[Reference | str, ...]
    allowed_cidrs: tuple[IPv4Network, ...]
    port: int | None = None


@dataclass(frozen=True, slots=True)
class S3:
    """A bucket of an S3 service; `credentials` names the variable prefix or the file.

    `insecure` is plain HTTP; `ca` the CA certificate that verifies the service.
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
    """Schedule (cron, five fields), retention and upload of etcd snapshots.

    `passphrase` encrypts the server token that is stored with them.
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
    """An object-storage container that belongs to the cluster; deleted with it only on request."""

    name: str
    versioning: bool


@dataclass(frozen=True, slots=True)
class Artifacts:
    """An additional source of a version's files: a mirror's base URL."""

    mirror: str | None


@dataclass(frozen=True, slots=True)
class RegistryMirror:
    """The servers that nodes ask for the images of a registry, in this order, before the registry itself.

    `rewrites` maps regular expressions to replacements, for names of repositories on these servers.
    """

    endpoints: tuple[str, ...]
    rewrites: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """How nodes authenticate to a registry or a mirror, and verify it. All are read at run time."""

    credentials: Reference | None
    ca: Reference | None
    client_certificate: Reference | None
    client_key: Reference | None
    insecure: bool

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references that are set."""
        every = (self.credentials, self.ca, self.client_certificate, self.client_key)
        return tuple(one for one in every if one is not None)


@dataclass(frozen=True, slots=True)
class Registries:
    """Where nodes get images. `mirrors` is by registry, `*` for all others; `access` by server (host:port).

    `system_default` is the registry that the distribution's own images are pulled from. `embedded`: nodes
    give each other the images that they have. `default_endpoint` False: a registry with mirrors is never
    asked itself.
    """

    mirrors: Mapping[str, RegistryMirror]
    access: Mapping[str, RegistryAccess]
    system_default: str | None
    embedded: bool
    default_endpoint: bool


@dataclass(frozen=True, slots=True)
class NodeProxy:
    """The HTTP proxy of the nodes' services. `exceptions` are reached directly, as is the cluster itself."""

    url: str
    exceptions: tuple[str, ...]
    credentials: Reference | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """One Kubernetes cluster. `network` is None if the provider's machines have their own addresses."""

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
    registries: Registries | None = None
    proxy: NodeProxy | None = None
    maintenance: Maintenance | None = None
    autoscaler: AutoscalerPods | None = None


@dataclass(frozen=True, slots=True)
class StateSettings:
    """The storage of OpenTofu's state: `backend` is its type (`local`, `s3`, …), `settings` its settings."""

    backend: str
    settings: Mapping[str, Any]
    passphrase: Reference | None


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole spec file. `data` is its content, with `defaults:` merged into clusters."""

    name: str
    clusters: tuple[Cluster, ...]
    state: StateSettings
    path: Path
    source: SourceMap = field(compare=False, repr=False)
    prices: Prices | None = None
    budget: Budget | None = None
    data: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def cluster(self, name: str) -> Cluster:
        """Return the cluster of that name; KeyError if there is none."""
        for cluster in self.clusters:
            if cluster.name == name:
                return cluster
        raise KeyError(name)


def pool_path(cluster: Cluster, pool: Pool) -> SpecPath:
    """Return the path of a pool in the resolved spec."""
    if pool.name == CONTROL_PLANE:
        return ("clusters", cluster.name, "control_plane")
    return ("clusters", cluster.name, "pools", [p.name for p in cluster.pools].index(pool.name))


def flavor_path(spec: Spec, cluster: Cluster, pool: Pool, index: int) -> SpecPath:
    """Return the path of one of a pool's flavors in the resolved spec: `flavor`, or an item of its list."""
    path = pool_path(cluster, pool)
    own = index == 0 and spec.source.written((*path, "flavor"))
    return (*path, "flavor") if own or not pool.autoscaling else (*path, "autoscaling", "flavors", index)


@dataclass(frozen=True, slots=True)
class Node:
    """One desired node: `<cluster>-<pool>-<ordinal>`, ordinals from 1; or the name of an existing host.

    For a renamed pool, `<pool>` is its first name.

    `address` is the address for other nodes; for created machines it is computed and static.
    """

    name: str
    role: Literal["server", "agent"]
    pool: str
    ordinal: int
    address: IPv4Address | str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
