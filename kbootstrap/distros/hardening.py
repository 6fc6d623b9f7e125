"""What `profile: cis` means for k3s and RKE2 alike: kernel settings, admission, audit, the kubelet's TLS.

Sources: "CIS Hardening Guide" of docs.k3s.io and docs.rke2.io; Kubernetes: "Apply Pod Security Standards by
Configuring the Built-in Admission Controller", "Auditing", "Admission Control" (EventRateLimit).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from kbootstrap.distros.model import NodeFile
from kbootstrap.distros.yaml_files import HEADER
from kbootstrap.spec.model import Cluster

PROFILE = "cis"
EXEMPT = ("kube-system",)
"""Where distributions and kbootstrap install what needs rights on the machine: network, storage, clouds."""
CIPHERS = ",".join(
    f"TLS_ECDHE_{key}_WITH_{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305")
)
KUBELET = (
    "streaming-connection-idle-timeout=5m",
    f"tls-cipher-suites={CIPHERS}",
    "tls-min-version=VersionTLS12",
)
"""Arguments of the kubelet."""
API_SERVER = (
    "enable-admission-plugins=NodeRestriction,EventRateLimit",
    "service-account-extend-token-expiration=false",
)
"""Arguments of the API server, besides those for the files of admission and audit."""
_KERNEL = f"""{HEADER}\
kernel.keys.root_maxbytes=25000000
kernel.keys.root_maxkeys=1000000
kernel.panic=10
kernel.panic_on_oops=1
vm.overcommit_memory=1
vm.panic_on_oom=0
"""
"""What the kubelet requires with `protect-kernel-defaults` (its source, `pkg/kubelet/cm`)."""


def hardened(cluster: Cluster) -> bool:
    """Return whether a cluster has the profile."""
    return cluster.kubernetes.profile == PROFILE


def kernel(path: str) -> NodeFile:
    """Return the file with the kernel settings, for sysctl."""
    return NodeFile(path, _KERNEL, 0o644)


def admission(path: str, namespaces: Sequence[str]) -> NodeFile:
    """Return the configuration of admission: Pod Security `restricted`, and a limit for events.

    `namespaces` are exempt besides `EXEMPT`.
    """
    exempt = ", ".join(sorted({*EXEMPT, *namespaces}))
    text = files(__package__).joinpath("admission.yaml").read_text("utf-8")
    return NodeFile(path, f"{HEADER}{text.replace('@EXEMPT@', exempt)}", 0o600)


def audit(path: str) -> NodeFile:
    """Return the audit policy."""
    return NodeFile(path, f"{HEADER}{files(__package__).joinpath('audit.yaml').read_text('utf-8')}", 0o600)
