"""What differs between k3s and RKE2, as one interface: names, paths and files. Pure; nothing is run here.

Paths and keys: documentation of both projects ("Configuration file", "Server/agent configuration reference",
"Air-gap install"); ports from their "Requirements" pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.spec.model import Cluster, Node

Role = Literal["server", "agent"]


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
    """The program."""
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
    """One of k3s, RKE2."""

    name: str
    registration_port: int
    """Where servers accept joins: 6443 for k3s, 9345 for RKE2."""
    paths: Paths

    def unit(self, role: Role) -> str:
        """Return the name of the systemd unit, with `.service`."""

    def artifacts(self, version: str, arch: str) -> tuple[Artifact, ...]:
        """Return the files of a version for `amd64` or `arm64`."""

    def files(
        self, cluster: Cluster, node: Node, tls_san: tuple[str, ...], additions: Additions = NOTHING
    ) -> tuple[NodeFile, ...]:
        """Return configuration and unit of one node: everything but secrets and the join drop-in."""

    def join_file(self, *, role: Role, initial: bool, registration: str) -> NodeFile:
        """Return the join drop-in: `initial` for the member that founded the cluster, else `registration`.

        `registration` is the URL that nodes join through.
        """
