"""`profile: cis` on k3s, which has no such option: the settings that its "CIS Hardening Guide" requires."""

from __future__ import annotations

from importlib.resources import files as resources

from kbootstrap.distros import hardening
from kbootstrap.distros.model import NodeFile, Paths, Role
from kbootstrap.distros.yaml_files import HEADER, Value

FIXED = {"protect-kernel-defaults": "protect-kernel-defaults (`profile: cis`)"}
"""The key by which a node of the profile is recognized."""
_KERNEL = "/etc/sysctl.d/90-kubelet.conf"
_MANIFESTS = ("network-policies.yaml", "service-accounts.yaml")


def values(paths: Paths, role: Role) -> dict[str, Value]:
    """Return the keys of config.yaml that the guide requires, without the arguments of the kubelet."""
    common: dict[str, Value] = {"protect-kernel-defaults": True}
    if role == "agent":
        return common
    return common | {
        "kube-apiserver-arg": [
            *hardening.API_SERVER,
            f"admission-control-config-file={paths.server}/psa.yaml",
            f"audit-log-path={paths.server}/logs/audit.log",
            f"audit-policy-file={paths.server}/audit.yaml",
            "audit-log-maxage=30",
            "audit-log-maxbackup=10",
            "audit-log-maxsize=100",
        ],
        "kube-controller-manager-arg": ["terminated-pod-gc-threshold=10"],
    }


def files(paths: Paths, role: Role, unit: str) -> list[NodeFile]:
    """Return the files that these keys refer to, the preparation of the machine, and the manifests."""
    found = [hardening.kernel(_KERNEL), _drop_in(paths, role, unit)]
    if role == "server":
        found += [
            hardening.admission(f"{paths.server}/psa.yaml", ()),
            hardening.audit(f"{paths.server}/audit.yaml"),
            *(_manifest(paths, name) for name in _MANIFESTS),
        ]
    return found


def _drop_in(paths: Paths, role: Role, unit: str) -> NodeFile:
    """Return what the unit does before k3s starts, and afterwards: k3s' certificates are readable by all."""
    lines = [f"ExecStartPre=-/sbin/sysctl -q -p {_KERNEL}"]
    if role == "server":
        certificates = f"{paths.server}/tls/*.crt {paths.server}/tls/etcd/*.crt"
        lines += [
            f"ExecStartPre=-/bin/mkdir -p -m 700 {paths.server}/logs",
            f"ExecStartPost=-/bin/sh -c 'chmod 600 {certificates}'",
        ]
    text = "".join(f"{line}\n" for line in ("[Service]", *lines))
    return NodeFile(f"/etc/systemd/system/{unit}.d/10-kbootstrap-cis.conf", f"{HEADER}{text}", 0o644)


def _manifest(paths: Paths, name: str) -> NodeFile:
    text = resources(__package__).joinpath("manifests", name).read_text("utf-8")
    return NodeFile(f"{paths.manifests}/kbootstrap-{name}", f"{HEADER}{text}", 0o600, restart=False)
