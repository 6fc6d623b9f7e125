"""The interface of a Kubernetes distribution. Pure; nothing is executed here.

Everything specific to a distribution is behind this interface; no module outside of `distros/` refers to one
by name (`tests/distros/test_literals.py`). A new distribution is a folder beside this file and a file in
`schemas/distributions/`. Sources of paths and keys: documentation of k3s and RKE2 ("Configuration file",
"Server/agent configuration reference", "Air-gap install"); of ports: their "Requirements" pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.distros.audits import AuditSources
from kbootstrap.distros.network import NetworkLeftovers
from kbootstrap.distros.release import Release
from kbootstrap.distros.requirements import Requirements
from kbootstrap.distros.yaml_files import Value
from kbootstrap.spec.distributions import DistributionTraits
from kbootstrap.spec.model import Cluster, Kubernetes, Node, Spec

Role = Literal["server", "agent"]
Tool = Literal["kubectl", "ctr", "crictl", "server", "etcd-snapshot", "certificate"]
"""Tools of a distribution; the last three are subcommands of the distribution's program."""


@dataclass(frozen=True, slots=True)
class NodeFile:
    """A file on a node, owned by root. `restart`: the service must be restarted when the file changes."""

    path: str
    content: str
    mode: int
    restart: bool = True


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of a distribution on a node."""

    data: str
    """The data folder: `/var/lib/rancher/<distro>`."""
    server: str
    """On servers: the folder of their tokens, certificates and etcd, below `data`."""
    etc: str
    """The folder of the configuration: `/etc/rancher/<distro>`."""
    drop_ins: str
    """The folder of configuration drop-ins, which are read in the order of their names."""
    config: str
    """The configuration file that kbootstrap writes, without secrets: `/etc/rancher/<distro>/config.yaml`."""
    join: str
    """Configuration drop-in with the way this node joins its cluster; decided from facts."""
    token: str
    """kbootstrap's copy of the token with which this node joins (0600); `token-file` refers to it."""
    agent_token: str
    """On servers: kbootstrap's copy of the agents' token (0600); `agent-token-file` refers to it."""
    server_token: str
    """On servers: the full server token as the distribution writes it (`K10…::server:…`)."""
    server_agent_token: str
    """On servers: the full agent token as the distribution writes it."""
    etcd: str
    """The data folder of embedded etcd; exists only on members."""
    kubeconfig: str
    """On servers: the admin kubeconfig."""
    binary: str
    """The program. `FreeSpace` refers to its folder and to that of `images`."""
    images: str
    """The service imports the image tarballs in this folder at startup."""
    manifests: str
    """On servers: the folder of manifests to deploy automatically."""
    stamp: str
    """kbootstrap's record of the installed files: hashes, one per line."""
    snapshots: str
    """On servers: the folder of etcd snapshots."""
    s3: str
    """On servers: configuration drop-in with the credentials of the snapshot bucket (0600)."""
    s3_ca: str
    """On servers: the CA certificate that verifies the bucket's service."""
    run: str
    """The folder with the state of the container runtime; containers mount their file systems below it."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a version needs on its nodes. `name` is the vendor's file name; `path` is on the node.

    `after` is a shell command that makes a file that is at its path usable, such as unpacking it. Idempotent.
    """

    name: str
    path: str
    mode: int
    after: str = ""


class Distribution(Protocol):
    """One Kubernetes distribution, with the choices of a cluster (`chosen`) or with its defaults."""

    name: str
    registration_port: int
    """The port on which servers accept joins: 6443 for k3s, 9345 for RKE2."""
    paths: Paths
    network: NetworkLeftovers
    """Leftovers of the pod network on a machine."""
    installs_network: bool
    """Whether the distribution installs a pod network. Else nodes are not Ready until the operator does."""
    system_images_on_agents: bool
    """Whether agents have a setting of their own for the registry of the distribution's images."""
    follows_route: bool
    """Whether the pod network uses the interface of the default route, also on nodes with another address."""
    belongings: tuple[str, ...]
    """Files and folders that the program brings and `paths` does not have; they are removed with it."""
    halt: str
    """The text of a shell script that ends what of the control plane still runs when the service has stopped.
    Empty where nothing does."""
    namespaces: tuple[str, ...]
    """Namespaces of what the distribution installs, besides those that every Kubernetes has."""
    fence: Mapping[str, Value]
    """The settings of a server that only rehearses: it answers the API, and no workload starts on it."""
    uninstallers: tuple[str, ...]
    """The vendor's scripts that uninstall an installation that kbootstrap did not make."""
    program_folders: tuple[str, ...]
    """Folders on a node into which the distribution unpacks programs: containerd, `ip`, `iptables`."""
    unpack: str
    """The text of a shell script that unpacks the artifacts of a version for all nodes of one machine. Empty
    if they are not shared. `SharedArtifacts` describes its input and output."""
    images: str
    """The text of shell functions for image archives that `unpack` has unpacked, on a node with a running
    service; their argument is the archive. `import_images` imports what the service lacks, and
    `release_images` lets it remove images of other versions. Empty if artifacts are not shared."""

    @property
    def audits(self) -> AuditSources:
        """Where `conformance` reads arguments and files on a node."""

    @property
    def traits(self) -> DistributionTraits:
        """The traits in the spec language: title, form of versions, whether it can be installed."""

    @property
    def fixed(self) -> Mapping[str, str]:
        """Keys of the configuration that count only when a cluster is made, with their names in messages.

        Those that all distributions have in common are in `cluster/decide/refusals.py`.
        """

    def chosen(self, kubernetes: Kubernetes) -> Distribution:
        """Return the distribution with the choices of a cluster: its pod network, its ingress controller."""

    def validate(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        """Return the problems with what the cluster's spec wants of the distribution. Pure."""

    def forbids(self, old: str, new: str) -> tuple[str, str] | None:
        """Return why a node must not change between two versions, and a remedy; None if it may.

        Only what is special to the distribution: rules of Kubernetes are in `cluster/decide/upgrade.py`.
        """

    def rehearses(self, artifact: Artifact) -> bool:
        """Return whether a rehearsal of a snapshot needs this artifact on its machine."""

    def unit(self, role: Role) -> str:
        """Return the name of the systemd unit, with `.service`."""

    def artifacts(self, version: str, arch: str) -> tuple[Artifact, ...]:
        """Return the files of a version for `amd64` or `arm64`: the program first, then the images."""

    def release(self, version: str, arch: str) -> Release:
        """Return the vendor's release: these files, and the list of their checksums."""

    def installed(self, artifacts: Mapping[str, str]) -> str:
        """Return the installed version, or an empty string; `artifacts` are the stamp's versions by path."""

    def requirements(self, role: Role) -> Requirements:
        """Return the requirements for a machine to become a node of this role."""

    def command(self, tool: Tool, *arguments: str) -> tuple[str, ...]:
        """Return the arguments of a command line on a node, to run as root.

        `ctr` and `crictl` get the path of their socket. `kubectl` gets no kubeconfig; the admin kubeconfig is
        `paths.kubeconfig`.
        """

    def password_secret(self, node: str) -> str:
        """Return the name of the Secret in `kube-system` with the password of a node's registration."""

    def files(
        self, cluster: Cluster, node: Node, tls_san: tuple[str, ...], additions: Additions = NOTHING
    ) -> tuple[NodeFile, ...]:
        """Return configuration and unit of one node: everything except secrets and the join drop-in."""

    def network_file(self, interface: str) -> NodeFile | None:
        """Return the drop-in that puts the network of the pods on an interface: that of the node's address.

        None where the distribution cannot set that for a single node. Without it, the interface of the
        default route is used.
        """

    def join_file(self, *, role: Role, initial: bool, registration: str) -> NodeFile:
        """Return the join drop-in: `initial` for the member that founded the cluster, else `registration`.

        `registration` is the URL through which nodes join.
        """
