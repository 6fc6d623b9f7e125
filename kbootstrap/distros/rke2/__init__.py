"""RKE2: a tarball unpacked below /usr/local, units `rke2-server` and `rke2-agent`, joins on port 9345.

Sources: docs.rke2.io, "Server/Agent Configuration Reference", "Air-Gap Install" (tarball method), "CIS
Hardening Guide". Its files are rendered; installation is planned for a later release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kbootstrap.distros import common, network
from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.distros.audits import AuditSources
from kbootstrap.distros.model import Artifact, NodeFile, Paths, Role, Tool
from kbootstrap.distros.network import NetworkLeftovers
from kbootstrap.distros.release import Release
from kbootstrap.distros.requirements import Requirements
from kbootstrap.distros.rke2.requirements import REQUIREMENTS
from kbootstrap.distros.yaml_files import HEADER, Value, dump
from kbootstrap.spec.distributions import DistributionTraits, traits
from kbootstrap.spec.model import Cluster, Node

_BINARY = "/usr/local/bin/rke2"
_DATA = "/var/lib/rancher/rke2"
_TARBALL = "/var/lib/kbootstrap/rke2.tar.gz"
_UNITS: dict[Role, str] = {"server": "rke2-server.service", "agent": "rke2-agent.service"}
_SYSCTL = "/etc/sysctl.d/60-rke2-cis.conf"
_SYSUSERS = "/etc/sysusers.d/kbootstrap-etcd.conf"
_OWN: dict[Tool, tuple[str, ...]] = {
    "kubectl": (f"{_DATA}/bin/kubectl",),
    "ctr": (f"{_DATA}/bin/ctr", "--address", "/run/k3s/containerd/containerd.sock"),
    "crictl": (f"{_DATA}/bin/crictl", "--config", f"{_DATA}/agent/etc/crictl.yaml"),
}
"""Programs of RKE2's runtime image, with the sockets that they need (docs.rke2.io, "CLI tools")."""


@dataclass(frozen=True, slots=True)
class Rke2:
    """The distribution `rke2` with its default network, canal."""

    name: str = "rke2"
    registration_port: int = 9345
    paths: Paths = field(default_factory=lambda: common.paths("rke2", _BINARY))
    network: NetworkLeftovers = network.CANAL
    uninstallers: tuple[str, ...] = ("rke2-uninstall.sh",)
    program_folders: tuple[str, ...] = (f"{_DATA}/bin",)
    unpack: str = ""
    images: str = ""

    @property
    def audits(self) -> AuditSources:
        """Return where audits look: the control plane runs in static pods (RKE2, "Architecture")."""
        return common.audit_sources(self.paths, "processes", pods=f"{_DATA}/agent/pod-manifests")

    @property
    def traits(self) -> DistributionTraits:
        """The distribution's traits in the spec language."""
        return traits(self.name)

    def unit(self, role: Role) -> str:
        """Return the name of the systemd unit, with `.service`."""
        return _UNITS[role]

    def artifacts(self, version: str, arch: str) -> tuple[Artifact, ...]:
        """Return the program's tarball and the images (core and canal), under the vendor's names."""
        del version
        images = f"rke2-images.linux-{arch}.tar.zst"
        return (
            Artifact(f"rke2.linux-{arch}.tar.gz", _TARBALL, 0o600),
            Artifact(images, f"{self.paths.images}/{images}", 0o644),
        )

    def release(self, version: str, arch: str) -> Release:
        """Return the vendor's release (release pages of github.com/rancher/rke2)."""
        names = tuple(artifact.name for artifact in self.artifacts(version, arch))
        return Release("rancher/rke2", version, names, f"sha256sum-{arch}.txt")

    def installed(self, artifacts: Mapping[str, str]) -> str:
        """Return the version of the tarball, which the unit unpacks at every start."""
        return artifacts.get(_TARBALL, "")

    def requirements(self, role: Role) -> Requirements:
        """Return what a machine must have."""
        return REQUIREMENTS[role]

    def command(self, tool: Tool, *arguments: str) -> tuple[str, ...]:
        """Return the arguments of a command line: RKE2 has no subcommands `kubectl`, `ctr` and `crictl`."""
        return (*_OWN.get(tool, (self.paths.binary, tool)), *arguments)

    def password_secret(self, node: str) -> str:
        """Return the name of the Secret with the password of a node."""
        return f"{node}.node-password.rke2"

    def files(
        self, cluster: Cluster, node: Node, tls_san: tuple[str, ...], additions: Additions = NOTHING
    ) -> tuple[NodeFile, ...]:
        """Return configuration and unit of one node.

        RKE2 always encrypts secrets, so there is no key for it. With `profile: cis` it checks kernel settings
        and the user `etcd` at startup, and exits if they are missing; the unit creates both before the start.
        """
        hardened = cluster.kubernetes.profile == "cis"
        values = common.node_values(self.paths, node)
        if node.role == "server":
            values |= common.server_values(self.paths, cluster, tls_san)
            values |= {
                "cni": "canal",
                "disable": [d for d in sorted(cluster.kubernetes.disable) if _known(d)],
            }
        if hardened:
            values["profile"] = "cis"
            if node.role == "server":
                values["kube-apiserver-arg"] = ["service-account-extend-token-expiration=false"]
        if additions.cloud_controller:
            values["cloud-provider-name"] = "external"
            if node.role == "server":
                values["disable-cloud-controller"] = True
        files = [
            NodeFile(self.paths.config, dump(values), 0o600),
            common.node_file(self.paths, node),
            self._unit(node.role, hardened=hardened),
        ]
        if hardened:
            files.append(NodeFile(_SYSCTL, _CIS_SYSCTL, 0o644))
            if node.role == "server":
                files.append(NodeFile(_SYSUSERS, f'{HEADER}u etcd - "etcd user" - /sbin/nologin\n', 0o644))
        if node.role == "server":
            files += common.manifest_files(self.paths, additions)
        return tuple(files)

    def network_file(self, interface: str) -> NodeFile | None:
        """Return None: canal's interface is a value of its chart, the same for all nodes of a cluster."""
        del interface
        return None

    def join_file(self, *, role: Role, initial: bool, registration: str) -> NodeFile:
        """Return the join drop-in: the initial server has no `server`, all others have it."""
        del role
        values: dict[str, Value] = {} if initial else {"server": registration}
        note = (
            "This node founded its cluster." if initial else "How this node found its cluster when it joined."
        )
        return common.join_file(self.paths, values, note=note)

    def _unit(self, role: Role, *, hardened: bool) -> NodeFile:
        before = [
            "/sbin/modprobe br_netfilter",
            "/sbin/modprobe overlay",
            f"/bin/tar -xzf {_TARBALL} -C /usr/local",
        ]
        if hardened:
            before.append(f"/sbin/sysctl -q -p {_SYSCTL}")
            if role == "server":
                before.append(f"/usr/bin/systemd-sysusers {_SYSUSERS}")
        text = common.unit_text(
            description=f"Kubernetes {role} (RKE2)",
            documentation="https://docs.rke2.io",
            role=role,
            program=_BINARY,
            before=tuple(before),
        )
        return NodeFile(f"/etc/systemd/system/{self.unit(role)}", text, 0o644)


_CIS_SYSCTL = f"""{HEADER}\
kernel.panic=10
kernel.panic_on_oops=1
vm.overcommit_memory=1
vm.panic_on_oom=0
"""


def _known(component: str) -> bool:
    """Return whether a name in `disable` is one of RKE2's packaged charts; those of k3s differ."""
    return component.startswith("rke2-")


DISTRIBUTION = Rke2()
