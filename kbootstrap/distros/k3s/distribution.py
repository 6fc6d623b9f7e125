"""Implements the contract of `distros/model.py` for k3s.

Sources: docs.k3s.io, "Configuration Options", "Air-Gap Install", "CIS Hardening Guide", "High Availability
Embedded etcd".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import cast

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.distros import common, hardening, network
from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.distros.audits import AuditSources
from kbootstrap.distros.k3s import cis
from kbootstrap.distros.k3s.problems import problems
from kbootstrap.distros.k3s.requirements import REQUIREMENTS
from kbootstrap.distros.model import Artifact, NodeFile, Paths, Role, Tool
from kbootstrap.distros.network import NetworkLeftovers
from kbootstrap.distros.release import Release
from kbootstrap.distros.requirements import Requirements
from kbootstrap.distros.yaml_files import Value, dump
from kbootstrap.spec.distributions import DistributionTraits, traits
from kbootstrap.spec.model import Cluster, Kubernetes, Node, Spec

_BINARY = "/usr/local/bin/k3s"
_DATA = "/var/lib/rancher/k3s"
_UNITS: dict[Role, str] = {"server": "k3s.service", "agent": "k3s-agent.service"}
_SUFFIX = {"amd64": "", "arm64": "-arm64"}


@dataclass(frozen=True, slots=True)
class K3s:
    """The distribution `k3s`, always with embedded etcd."""

    name: str = "k3s"
    registration_port: int = 6443
    paths: Paths = field(default_factory=lambda: common.paths("k3s", _BINARY))
    network: NetworkLeftovers = network.FLANNEL
    uninstallers: tuple[str, ...] = ("k3s-uninstall.sh",)
    program_folders: tuple[str, ...] = (f"{_DATA}/data/current/bin", f"{_DATA}/data/current/bin/aux")
    belongings: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    halt: str = ""
    installs_network: bool = True
    system_images_on_agents: bool = False
    follows_route: bool = False

    @property
    def fence(self) -> Mapping[str, Value]:
        """The settings of a rehearsal: without a kubelet no container ever runs."""
        return {"disable-agent": True, "disable-cloud-controller": True, "etcd-disable-snapshots": True}

    @property
    def fixed(self) -> Mapping[str, str]:
        """The key of the profile."""
        return cis.FIXED

    @property
    def unpack(self) -> str:
        """Return `unpack.sh`."""
        return files(__package__).joinpath("unpack.sh").read_text("utf-8")

    @property
    def images(self) -> str:
        """Return `images.sh`."""
        return files(__package__).joinpath("images.sh").read_text("utf-8")

    @property
    def audits(self) -> AuditSources:
        """Return where audits look: all components run in one process, which logs their arguments.

        k3s source, `pkg/daemons/control/server.go` ("Running kube-apiserver"), `pkg/daemons/agent/agent.go`.
        """
        return common.audit_sources(self.paths, "journal")

    @property
    def traits(self) -> DistributionTraits:
        """The distribution's traits in the spec language."""
        return traits(self.name)

    def chosen(self, kubernetes: Kubernetes) -> K3s:
        """Return k3s as it is: its pod network is always flannel."""
        del kubernetes
        return self

    def validate(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        """Return what a spec cannot want of k3s."""
        return tuple(problems(spec, cluster))

    def forbids(self, old: str, new: str) -> tuple[str, str] | None:
        """Return None: only the rules of Kubernetes apply."""
        del old, new
        return None

    def rehearses(self, artifact: Artifact) -> bool:
        """Return whether it is the program: no container runs in a rehearsal."""
        return artifact.path == self.paths.binary

    def unit(self, role: Role) -> str:
        """Return the name of the systemd unit, with `.service`."""
        return _UNITS[role]

    def artifacts(self, version: str, arch: str) -> tuple[Artifact, ...]:
        """Return the self-extracting binary and the air-gap images; every version has the same names."""
        del version
        images = f"k3s-airgap-images-{arch}.tar.zst"
        return (
            Artifact(f"k3s{_SUFFIX[arch]}", _BINARY, 0o755),
            Artifact(images, f"{self.paths.images}/{images}", 0o644),
        )

    def release(self, version: str, arch: str) -> Release:
        """Return the vendor's release (release pages of github.com/k3s-io/k3s)."""
        names = tuple(artifact.name for artifact in self.artifacts(version, arch))
        return Release("k3s-io/k3s", version, names, f"sha256sum-{arch}.txt")

    def installed(self, artifacts: Mapping[str, str]) -> str:
        """Return the version of the program."""
        return artifacts.get(self.paths.binary, "")

    def requirements(self, role: Role) -> Requirements:
        """Return what a machine must have."""
        return REQUIREMENTS[role]

    def command(self, tool: Tool, *arguments: str) -> tuple[str, ...]:
        """Return the arguments of a command line: every tool is a subcommand that knows its socket."""
        return (self.paths.binary, tool, *arguments)

    def password_secret(self, node: str) -> str:
        """Return the name of the Secret with the password of a node (k3s source, `pkg/nodepassword`)."""
        return f"{node}.node-password.k3s"

    def files(
        self, cluster: Cluster, node: Node, tls_san: tuple[str, ...], additions: Additions = NOTHING
    ) -> tuple[NodeFile, ...]:
        """Return configuration and unit of one node."""
        hardened = hardening.hardened(cluster)
        values = common.node_values(self.paths, node)
        arguments = [*common.KUBELET]
        if node.role == "server":
            values |= common.server_values(self.paths, cluster, tls_san)
            values["disable"] = sorted(cluster.kubernetes.disable)
            values["secrets-encryption"] = cluster.kubernetes.secrets_encryption or hardened
        files = [
            NodeFile(self.paths.config, "", 0o600),
            common.node_file(self.paths, node),
            self._unit(node.role),
        ]
        if hardened:
            values |= cis.values(self.paths, node.role)
            arguments += hardening.KUBELET
            files += cis.files(self.paths, node.role, self.unit(node.role))
        if additions.cloud_controller:
            values |= _cloud_controller(values, node.role)
            arguments.append("cloud-provider=external")
        values["kubelet-arg"] = arguments
        if node.role == "server":
            files += common.manifest_files(self.paths, additions)
        files[0] = NodeFile(self.paths.config, dump(values), 0o600)
        return tuple(files)

    def network_file(self, interface: str) -> NodeFile | None:
        """Return the drop-in for flannel, which uses the first IPv4 address of that interface.

        k3s source, `pkg/agent/flannel/flannel.go`, `LookupExtInterface`: `node-ip` has no effect on it.
        """
        return common.network_file(self.paths, {"flannel-iface": interface})

    def join_file(self, *, role: Role, initial: bool, registration: str) -> NodeFile:
        """Return the join drop-in: `cluster-init` for the initial server, else the URL to join through."""
        del role
        values: dict[str, Value] = {"cluster-init": True} if initial else {"server": registration}
        return common.join_file(self.paths, values, note="How this node found its cluster when it joined.")

    def _unit(self, role: Role) -> NodeFile:
        text = common.unit_text(
            description=f"Kubernetes {role} (k3s)",
            documentation="https://docs.k3s.io",
            role=role,
            program=_BINARY,
            before=("/sbin/modprobe br_netfilter", "/sbin/modprobe overlay"),
        )
        return NodeFile(f"/etc/systemd/system/{self.unit(role)}", text, 0o644)


def _cloud_controller(values: Mapping[str, Value], role: Role) -> dict[str, Value]:
    """Return the keys for the infrastructure's cloud controller in place of k3s's own.

    k3s's controller would also handle Services of type LoadBalancer (`servicelb`). k3s passes
    `cloud-provider=external` to kubelets only for its own controller.
    """
    if role == "agent":
        return {}
    disabled = cast("Sequence[str]", values["disable"])
    return {"disable": sorted({*disabled, "servicelb"}), "disable-cloud-controller": True}


DISTRIBUTION = K3s()
