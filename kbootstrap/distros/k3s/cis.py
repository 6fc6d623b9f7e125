"""`profile: cis` on k3s, which has no such option: the settings that its "CIS Hardening Guide" requires."""

from __future__ import annotations

from kbootstrap.distros.model import NodeFile, Role
from kbootstrap.distros.yaml_files import HEADER, Value

_SERVER = "/var/lib/rancher/k3s/server"
_CIPHERS = ",".join(
    f"TLS_ECDHE_{key}_WITH_{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305")
)

_SYSCTL = f"""{HEADER}\
kernel.panic=10
kernel.panic_on_oops=1
vm.overcommit_memory=1
vm.panic_on_oom=0
"""

_ADMISSION = f"""{HEADER}\
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: PodSecurity
    configuration:
      apiVersion: pod-security.admission.config.k8s.io/v1
      kind: PodSecurityConfiguration
      defaults:
        enforce: restricted
        enforce-version: latest
        audit: restricted
        audit-version: latest
        warn: restricted
        warn-version: latest
      exemptions:
        usernames: []
        runtimeClasses: []
        namespaces: [kube-system]
  - name: EventRateLimit
    configuration:
      apiVersion: eventratelimit.admission.k8s.io/v1alpha1
      kind: Configuration
      limits:
        - type: Server
          qps: 5000
          burst: 20000
"""

_AUDIT = f"""{HEADER}\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: Metadata
"""


KUBELET = ("streaming-connection-idle-timeout=5m", f"tls-cipher-suites={_CIPHERS}")
"""The arguments of the kubelet that the guide requires."""


def values(role: Role) -> dict[str, Value]:
    """Return the keys of config.yaml that the guide requires."""
    common: dict[str, Value] = {"protect-kernel-defaults": True}
    if role == "agent":
        return common
    return common | {
        "kube-apiserver-arg": [
            "enable-admission-plugins=NodeRestriction,EventRateLimit",
            f"admission-control-config-file={_SERVER}/psa.yaml",
            f"audit-log-path={_SERVER}/logs/audit.log",
            f"audit-policy-file={_SERVER}/audit.yaml",
            "audit-log-maxage=30",
            "audit-log-maxbackup=10",
            "audit-log-maxsize=100",
            "service-account-extend-token-expiration=false",
        ],
        "kube-controller-manager-arg": ["terminated-pod-gc-threshold=10"],
    }


def files(role: Role) -> list[NodeFile]:
    """Return the files that these keys refer to, and the kernel settings that the kubelet checks."""
    sysctl = NodeFile("/etc/sysctl.d/90-kubelet.conf", _SYSCTL, 0o644)
    unit = "k3s" if role == "server" else "k3s-agent"
    apply = NodeFile(
        f"/etc/systemd/system/{unit}.service.d/10-kbootstrap-sysctl.conf",
        f"{HEADER}[Service]\nExecStartPre=-/sbin/sysctl -q -p /etc/sysctl.d/90-kubelet.conf\n",
        0o644,
    )
    if role == "agent":
        return [sysctl, apply]
    return [
        sysctl,
        apply,
        NodeFile(f"{_SERVER}/psa.yaml", _ADMISSION, 0o600),
        NodeFile(f"{_SERVER}/audit.yaml", _AUDIT, 0o600),
    ]
