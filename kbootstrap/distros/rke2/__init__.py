"""RKE2: a tarball unpacked below /usr/local, units `rke2-server` and `rke2-agent`, joins on port 9345.

Sources: docs.rke2.io, "Server/Agent Configuration Reference", "Air-Gap Install" (tarball method), "CIS
Hardening Guide". Rendered now; installing it is for a later release.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kbootstrap.distros import common
from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.distros.config import HEADER, Value, dump
from kbootstrap.distros.model import Artifact, NodeFile, Paths, Role
from kbootstrap.spec.model import Cluster, Node

_BINARY = "/usr/local/bin/rke2"
_TARBALL = "/var/lib/kbootstrap/rke2.tar.gz"
_UNITS: dict[Role, str] = {"server": "rke2-server.service", "agent": "rke2-agent.service"}
_SYSCTL = "/etc/sysctl.d/60-rke2-cis.conf"
_SYSUSERS = "/etc/sysusers.d/kbootstrap-etcd.conf"


@dataclass(frozen=True, slots=True)
class Rke2:
    """The distribution `rke2` with its default network, canal."""

    name: str = "rke2"
    registration_port: int = 9345
    paths: Paths = field(default_factory=lambda: common.paths("rke2", _BINARY))

    def unit(self, role: Role) -> str:
        """Return the name of the systemd unit, with `.service`."""
        return _UNITS[role]

    def artifacts(self, version: str, arch: str) -> tuple[Artifact, ...]:
        """Return the program's tarball and the images (core and canal), as the vendor names them."""
        del version
        images = f"rke2-images.linux-{arch}.tar.zst"
        return (
            Artifact(f"rke2.linux-{arch}.tar.gz", _TARBALL, 0o600),
            Artifact(images, f"{self.paths.images}/{images}", 0o644),
        )

    def files(
        self, cluster: Cluster, node: Node, tls_san: tuple[str, ...], additions: Additions = NOTHING
    ) -> tuple[NodeFile, ...]:
        """Return configuration and unit of one node.

        RKE2 always encrypts secrets, so there is no key for it. With `profile: cis` it checks kernel settings
        and the user `etcd` before it starts, and exits when they are missing: both are made just before.
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

    def join_file(self, *, role: Role, initial: bool, registration: str) -> NodeFile:
        """Return the join drop-in: the founder has no `server`, all others have it."""
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
    """Tell whether a name of `disable` is one of RKE2's packaged charts; k3s has others."""
    return component.startswith("rke2-")


DISTRIBUTION = Rke2()
