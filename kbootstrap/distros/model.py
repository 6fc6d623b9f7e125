"""What differs between distributions, as one interface. Pure; nothing is run here.

Everything that names one distribution, or is only so with it, is asked here; no module outside of `distros/`
names one (`tests/distros/test_literals.py`). A new distribution is a folder beside this file and a file in
`schemas/distributions/`. Paths and keys: documentation of k3s and RKE2 ("Configuration file", "Server/agent
configuration reference", "Air-gap install"); ports from their "Requirements" pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.distros.network import NetworkLeftovers
from kbootstrap.distros.release import Release
from kbootstrap.distros.requirements import Requirements
from kbootstrap.spec.distributions import DistributionTraits
from kbootstrap.spec.model import Cluster, Node

Role = Literal["server", "agent"]
Tool = Literal["kubectl", "ctr", "crictl", "server", "etcd-snapshot", "certificate"]
"""What is asked of a distribution's programs: the last three are subcommands of its own."""


@dataclass(frozen=True, slots=True)
class NodeFile:
    """A file on a node, owned by root. `restart` says whether the service must restart when it changes."""

    path: str
    content: str
    mode: int
    restart: bool = True


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a distribution keeps its things on a node."""

    config: str
    """The configuration file that we write, without secrets: `/etc/rancher/<distro>/config.yaml`."""
    join: str
    """Drop-in of the configuration that says how this node finds its cluster; decided from facts."""
    token: str
    """Our copy of the token that this node joins with (0600); named by `token-file` in the configuration."""
    agent_token: str
    """On servers: our copy of the agents' token (0600); named by `agent-token-file`."""
    server_token: str
    """On servers: the full server token as the distribution writes it (`K10…::server:…`)."""
    server_agent_token: str
    """On servers: the full agent token as the distribution writes it."""
    etcd: str
    """The folder of embedded etcd's data: exists on members only."""
    kubeconfig: str
    """On servers: the admin kubeconfig."""
    binary: str
    """The program. Its folder and that of `images` are what `FreeSpace` is about."""
    images: str
    """Tarballs in this folder are imported when the service starts."""
    manifests: str
    """On servers: the folder whose manifests they deploy."""
    stamp: str
    """Our own record of what was installed: hashes, one line each."""
    snapshots: str
    """On servers: the folder that snapshots of etcd are in."""
    s3: str
    """On servers: drop-in of the configuration with the keys of the bucket for snapshots (0600)."""
    s3_ca: str
    """On servers: the authority that the bucket's service is verified by."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a version needs on its nodes. `name` as the vendor publishes it; `path` on the node."""

    name: str
    path: str
    mode: int


class Distribution(Protocol):
    """One Kubernetes distribution."""

    name: str
    registration_port: int
    """Where servers accept joins: 6443 for k3s, 9345 for RKE2."""
    paths: Paths
    network: NetworkLeftovers
    """What its network leaves on a machine."""
    uninstallers: tuple[str, ...]
    """The vendor's scripts that take an installation away that is not ours."""
    program_folders: tuple[str, ...]
    """Folders on a node with programs that the distribution unpacks: containerd, `ip`, `iptables`."""

    @property
    def traits(self) -> DistributionTraits:
        """What the language of specs knows: title, form of versions, whether it can be installed."""

    def unit(self, role: Role) -> str:
        """Return the name of the systemd unit, with `.service`."""

    def artifacts(self, version: str, arch: str) -> tuple[Artifact, ...]:
        """Return the files of a version for `amd64` or `arm64`: the program first, then the images."""

    def release(self, version: str, arch: str) -> Release:
        """Return what the vendor publishes: these files, and the list of their checksums."""

    def installed(self, artifacts: Mapping[str, str]) -> str:
        """Return the installed version, empty for none; `artifacts` are versions by path, as in our stamp."""

    def requirements(self, role: Role) -> Requirements:
        """Return what a machine must have to become a node of this role."""

    def command(self, tool: Tool, *arguments: str) -> tuple[str, ...]:
        """Return the words of a command line on a node, as root.

        `ctr` and `crictl` get the path of their socket. `kubectl` has no kubeconfig yet: an administrator's
        is `paths.kubeconfig`.
        """

    def password_secret(self, node: str) -> str:
        """Return the name of the Secret in `kube-system` with the password of a node's registration."""

    def files(
        self, cluster: Cluster, node: Node, tls_san: tuple[str, ...], additions: Additions = NOTHING
    ) -> tuple[NodeFile, ...]:
        """Return configuration and unit of one node: everything but secrets and the join drop-in."""

    def join_file(self, *, role: Role, initial: bool, registration: str) -> NodeFile:
        """Return the join drop-in: `initial` for the member that founded the cluster, else `registration`.

        `registration` is the URL that nodes join through.
        """
