"""Implements the contract of `distros/model.py` for RKE2.

Sources: docs.rke2.io, "Server/Agent Configuration Reference", "Air-Gap Install" (tarball method), "CIS
Hardening Guide"; RKE2's source for its units (`bundle/lib/systemd/system`) and static pods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.distros import common, hardening
from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.distros.audits import AuditSources
from kbootstrap.distros.model import Artifact, NodeFile, Paths, Role, Tool
from kbootstrap.distros.network import NetworkLeftovers
from kbootstrap.distros.release import Release
from kbootstrap.distros.requirements import Requirements
from kbootstrap.distros.rke2 import cis, minors, networks
from kbootstrap.distros.rke2.networks import NETWORKS, NONE
from kbootstrap.distros.rke2.problems import problems
from kbootstrap.distros.rke2.requirements import requirements
from kbootstrap.distros.yaml_files import HEADER, Value, dump
from kbootstrap.spec.distributions import DistributionTraits, traits
from kbootstrap.spec.model import Cluster, Kubernetes, Node, Spec

_BINARY = "/usr/local/bin/rke2"
_DATA = "/var/lib/rancher/rke2"
_TARBALL = "/var/lib/kbootstrap/rke2.tar.gz"
_UNPACK = "/var/lib/kbootstrap/rke2-unpack.sh"
_UNITS: dict[Role, str] = {"server": "rke2-server.service", "agent": "rke2-agent.service"}
_OWN: dict[Tool, tuple[str, ...]] = {
    "kubectl": (f"{_DATA}/bin/kubectl",),
    "ctr": (f"{_DATA}/bin/ctr", "--address", "/run/k3s/containerd/containerd.sock"),
    "crictl": (f"{_DATA}/bin/crictl", "--config", f"{_DATA}/agent/etc/crictl.yaml"),
}
"""Programs of RKE2's runtime image, with the sockets that they need (docs.rke2.io, "CLI tools")."""
_CORE = "core"


@dataclass(frozen=True, slots=True)
class Rke2:
    """The distribution `rke2` with a pod network and an ingress controller; by default canal and none."""

    name: str = "rke2"
    registration_port: int = 9345
    paths: Paths = field(default_factory=lambda: common.paths("rke2", _BINARY))
    uninstallers: tuple[str, ...] = ("rke2-uninstall.sh",)
    program_folders: tuple[str, ...] = (f"{_DATA}/bin",)
    unpack: str = ""
    images: str = ""
    belongings: tuple[str, ...] = (
        "/usr/local/bin/rke2-killall.sh",
        "/usr/local/bin/rke2-uninstall.sh",
        "/usr/local/share/rke2",
        "/var/lib/kbootstrap/rke2.unpacked",
    )
    system_images_on_agents: bool = True
    cni: str = networks.DEFAULT
    ingress: str = NONE

    @property
    def network(self) -> NetworkLeftovers:
        """What the pod network leaves."""
        return NETWORKS[self.cni].leftovers

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those of the pod network."""
        return NETWORKS[self.cni].namespaces

    @property
    def fixed(self) -> Mapping[str, str]:
        """The key of the profile."""
        return cis.FIXED

    @property
    def installs_network(self) -> bool:
        """Whether the spec does not leave the pod network to the operator."""
        return self.cni != NONE

    @property
    def follows_route(self) -> bool:
        """Whether flannel chooses the interface; Calico and Cilium use that of the node's address."""
        return NETWORKS[self.cni].follows_route

    @property
    def halt(self) -> str:
        """Return `halt.sh`: the control plane runs in static pods."""
        return _script("halt.sh")

    @property
    def fence(self) -> Mapping[str, Value]:
        """The settings of a rehearsal. The kubelet must run, because it runs etcd and the API server.

        Without a scheduler no pod gets a node, and none of the snapshot is bound to this one.
        """
        return {
            "cni": NONE,
            "disable-cloud-controller": True,
            "disable-controller-manager": True,
            "disable-scheduler": True,
            "etcd-disable-snapshots": True,
        }

    @property
    def audits(self) -> AuditSources:
        """Return where audits look: the control plane runs in static pods (RKE2, "Architecture")."""
        return common.audit_sources(self.paths, "processes", pods=f"{_DATA}/agent/pod-manifests")

    @property
    def traits(self) -> DistributionTraits:
        """The distribution's traits in the spec language."""
        return traits(self.name)

    def chosen(self, kubernetes: Kubernetes) -> Rke2:
        """Return RKE2 with what the spec chooses."""
        return replace(
            self, cni=kubernetes.cni or networks.DEFAULT, ingress=kubernetes.ingress_controller or NONE
        )

    def validate(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        """Return what a spec cannot want of RKE2."""
        return tuple(problems(spec, cluster))

    def forbids(self, old: str, new: str) -> tuple[str, str] | None:
        """Refuse the way from etcd 3.5 to 3.6 that leaves members behind (etcd.io, "zombie members")."""
        if not minors.unsafe_etcd(old, new):
            return None
        return (
            "etcd changes from 3.5 to 3.6, which is safe only from etcd 3.5.26 on",
            "upgrade to v1.32.11+rke2r3 or a newer v1.32, or to v1.33.7+rke2r3, first",
        )

    def unit(self, role: Role) -> str:
        """Return the name of the systemd unit, with `.service`."""
        return _UNITS[role]

    def artifacts(self, version: str, arch: str) -> tuple[Artifact, ...]:
        """Return the program's tarball and the images that these choices need, under the vendor's names."""
        row = minors.of(version)
        ingress = dict(row.ingress).get(self.ingress, "") if row else ""
        kinds = [_CORE, *([self.cni] if self.installs_network else []), *([ingress] if ingress else [])]
        return (
            Artifact(f"rke2.linux-{arch}.tar.gz", _TARBALL, 0o644, after=_script("unpack.sh")),
            *(self._images(kind, arch) for kind in kinds),
        )

    def _images(self, kind: str, arch: str) -> Artifact:
        name = f"rke2-images-{kind}.linux-{arch}.tar.zst"
        return Artifact(name, f"{self.paths.images}/{name}", 0o644)

    def release(self, version: str, arch: str) -> Release:
        """Return the vendor's release (release pages of github.com/rancher/rke2)."""
        names = tuple(artifact.name for artifact in self.artifacts(version, arch))
        row = minors.of(version)
        archives = [archive for _, archive in row.ingress if archive] if row else []
        others = [self._images(kind, arch).name for kind in (*NETWORKS, *archives) if kind != NONE]
        return Release(
            "rancher/rke2",
            version,
            names,
            f"sha256sum-{arch}.txt",
            tuple(name for name in others if name not in names),
        )

    def rehearses(self, artifact: Artifact) -> bool:
        """Return whether it is the program, or has the images of the control plane."""
        return artifact.path == _TARBALL or f"-images-{_CORE}." in artifact.name

    def installed(self, artifacts: Mapping[str, str]) -> str:
        """Return the version of the tarball, which the unit unpacks before it starts."""
        return artifacts.get(_TARBALL, "")

    def requirements(self, role: Role) -> Requirements:
        """Return what a machine must have."""
        return requirements(role, NETWORKS[self.cni])

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

        RKE2 always encrypts secrets, so there is no key for it.
        """
        hardened = hardening.hardened(cluster)
        values = common.node_values(self.paths, node)
        if node.role == "server":
            values |= common.server_values(self.paths, cluster, tls_san)
            values |= {
                "cni": self.cni,
                "disable": sorted(cluster.kubernetes.disable),
                "ingress-controller": self.ingress,
            }
        values["kubelet-arg"] = [*common.KUBELET, *(hardening.KUBELET if hardened else ())]
        if hardened:
            values |= cis.values(self.paths, node.role)
        if additions.cloud_controller:
            values["cloud-provider-name"] = "external"
            if node.role == "server":
                values["disable-cloud-controller"] = True
        found = [
            NodeFile(self.paths.config, dump(values), 0o600),
            common.node_file(self.paths, node),
            NodeFile(_UNPACK, f"{HEADER}{_script('unpack.sh')}", 0o644, restart=False),
            self._unit(node.role, cluster.kubernetes.version, hardened=hardened),
        ]
        if hardened:
            found += cis.files(self.paths, node.role, self.namespaces)
        if node.role == "server":
            found += common.manifest_files(self.paths, additions)
        return tuple(found)

    def network_file(self, interface: str) -> NodeFile | None:
        """Return None: a network's interface is a value of its chart, the same for all nodes of a cluster."""
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

    def _unit(self, role: Role, version: str, *, hardened: bool) -> NodeFile:
        """Return the unit. containerd and kubelet are processes of their own, which end with the service."""
        before = ["/sbin/modprobe br_netfilter", "/sbin/modprobe overlay"]
        if minors.imports_conditionally(version):
            before.append(f"/bin/touch {self.paths.images}/.cache.json")
        if hardened:
            before += cis.before(role)
        text = common.unit_text(
            description=f"Kubernetes {role} (RKE2)",
            documentation="https://docs.rke2.io",
            role=role,
            program=_BINARY,
            before=tuple(before),
            more=("Environment=HOME=/root", f"ExecStartPre=/bin/sh {_UNPACK}", f"ExecStopPost=-{_END}"),
        )
        return NodeFile(f"/etc/systemd/system/{self.unit(role)}", text, 0o644)


_END = (
    "/bin/sh -c \"systemd-cgls /system.slice/%n | grep -Eo '[0-9]+ (containerd|kubelet)( |$$)' | "
    "cut -d' ' -f1 | xargs -r kill\""
)
"""Ends the service's own processes; those of containers go on."""


def _script(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


DISTRIBUTION = Rke2()
