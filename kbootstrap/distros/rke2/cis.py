"""`profile: cis` on RKE2: what its own profile requires of the machine, and what that leaves open.

RKE2 refuses to start without these kernel settings and a user `etcd` in /etc/passwd. It then sets
`protect-kernel-defaults`, network policies, service accounts and file modes itself (docs.rke2.io, "CIS
Hardening Guide"). Its own audit policy logs nothing, and its own configuration of admission has no limit for
events, so both are replaced.
"""

from __future__ import annotations

from collections.abc import Sequence

from kbootstrap.distros import hardening
from kbootstrap.distros.model import NodeFile, Paths, Role
from kbootstrap.distros.yaml_files import HEADER, Value

FIXED = {"profile": "profile"}
"""The key by which a node of the profile is recognized."""
_KERNEL = "/etc/sysctl.d/60-rke2-cis.conf"
_USERS = "/etc/sysusers.d/kbootstrap-etcd.conf"


def values(paths: Paths, role: Role) -> dict[str, Value]:
    """Return the keys of config.yaml, without the arguments of the kubelet."""
    common: dict[str, Value] = {"profile": hardening.PROFILE}
    if role == "agent":
        return common
    return common | {
        "audit-policy-file": _file(paths, "audit"),
        "kube-apiserver-arg": list(hardening.API_SERVER),
        "pod-security-admission-config-file": _file(paths, "admission"),
    }


def files(paths: Paths, role: Role, namespaces: Sequence[str]) -> list[NodeFile]:
    """Return the files that these keys refer to, and those that prepare the machine."""
    found = [hardening.kernel(_KERNEL)]
    if role == "server":
        found += [
            NodeFile(_USERS, f'{HEADER}u etcd - "etcd user" - /sbin/nologin\n', 0o644),
            hardening.admission(_file(paths, "admission"), namespaces),
            hardening.audit(_file(paths, "audit")),
        ]
    return found


def before(role: Role) -> tuple[str, ...]:
    """Return the commands that prepare the machine before RKE2 starts."""
    users = (f"/usr/bin/systemd-sysusers {_USERS}",) if role == "server" else ()
    return (f"/sbin/sysctl -q -p {_KERNEL}", *users)


def _file(paths: Paths, name: str) -> str:
    return f"{paths.etc}/kbootstrap-{name}.yaml"
