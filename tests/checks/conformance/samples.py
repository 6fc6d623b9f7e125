"""Facts of nodes with which each audit passes, fails and is unknown; and those of a whole server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from ruamel.yaml import YAML

from kbootstrap.checks.conformance.audit import (
    ArgumentReading,
    Audit,
    EtcdReading,
    FileReading,
    KernelReading,
    OwnReading,
    SshdReading,
)
from kbootstrap.checks.conformance.audited_node import AuditedNode, audited_node
from kbootstrap.checks.conformance.catalogue import CIPHERS
from kbootstrap.checks.conformance.expected import Expectation
from kbootstrap.checks.conformance.questions import questions
from kbootstrap.cluster.state.audit_facts import AuditFacts, FileFacts, Listener, PendingUpdates
from kbootstrap.distros import of
from kbootstrap.distros.additions import NOTHING
from kbootstrap.distros.model import Role
from kbootstrap.spec.model import Cluster
from tests.distros.samples import cluster, node

NODE = "n1"
API, POLICY, ADMISSION = "kube-apiserver", "/etc/audit.yaml", "/etc/psa.yaml"
Profile = Literal["cis"] | None
VERSIONS = {"k3s": "v1.32.0+k3s1", "rke2": "v1.32.11+rke2r3"}


def wanted(name: str, profile: Profile = None) -> Cluster:
    """Return a cluster whose spec does not encrypt Secrets, unless its profile does."""
    made = cluster(distribution=name, version=VERSIONS[name], profile=profile)  # type: ignore[arg-type]
    return replace(made, kubernetes=replace(made.kubernetes, secrets_encryption=False))


def audited(name: str = "k3s", role: Role = "server", profile: Profile = None) -> AuditedNode:
    """Return a node of such a cluster."""
    kubernetes = wanted(name, profile).kubernetes
    return audited_node(of(kubernetes), role, kubernetes, NOTHING)


def good(expected: Expectation) -> str | None:
    """Return a value that is as expected."""
    some = {"not": "other", "lacks": "other", "set": "/file", "unset": None}
    return some.get(expected.kind, expected.values[0] if expected.values else None)


def bad(expected: Expectation) -> str | None:
    """Return a value that is not as expected; None: it is not set."""
    match expected.kind:
        case "not" | "lacks":
            return expected.values[0]
        case "set":
            return None
        case "least":
            return str(int(expected.values[0]) - 1)
        case "within":
            return "TLS_RSA_WITH_RC4_128_SHA"
    return "other"


def passing(audit: Audit, about: AuditedNode) -> AuditFacts:
    """Return facts with which an audit passes."""
    if isinstance(audit.reading, OwnReading):
        return OWN[audit.reading.name][0](about)
    return _with(audit, about, good(audit.expected) if audit.expected else None, fine=True)


def failing(audit: Audit, about: AuditedNode) -> AuditFacts:
    """Return facts with which an audit fails."""
    if isinstance(audit.reading, OwnReading):
        return OWN[audit.reading.name][1](about)
    return _with(audit, about, bad(audit.expected) if audit.expected else None, fine=False)


def unread(about: AuditedNode) -> AuditFacts:
    """Return facts of a node on which nothing could be read."""
    asked = questions(about)
    topics = (*asked.components, *asked.patterns, "sshd", "swap", "clock", "updates", "ports", "encryption")
    return AuditFacts(NODE, unread=dict.fromkeys(topics, "permission denied"))


def _with(audit: Audit, about: AuditedNode, value: str | None, *, fine: bool) -> AuditFacts:
    match audit.reading:
        case ArgumentReading(component, names):
            given = {} if value is None else dict.fromkeys(names, (value,))
            return AuditFacts(NODE, arguments={component: given})
        case EtcdReading(keys):
            tree: dict[str, dict[str, str]] = {}
            for group, key in (one.split(".") for one in keys if value is not None):
                tree.setdefault(group, {})[key] = str(value)
            return AuditFacts(NODE, texts={about.etcd_config: json.dumps(tree)})
        case FileReading(paths, mode, owner):
            file = FileFacts("/one", mode or 0o600, owner or "root:root")
            wrong = replace(file, mode=file.mode | 0o077, owner="nobody:nogroup")
            return AuditFacts(NODE, files=dict.fromkeys(about.paths(paths), (file if fine else wrong,)))
        case KernelReading(name):
            return AuditFacts(NODE, kernel={name: str(value)})
        case SshdReading(name):
            return AuditFacts(NODE, sshd={name.lower(): (str(value),)})
    raise AssertionError(audit)


def api(*texts: tuple[str, str], **arguments: str) -> AuditFacts:
    """Return facts with arguments of the API server, and texts by their paths."""
    given = {name.replace("_", "-"): (value,) for name, value in arguments.items()}
    return AuditFacts(NODE, arguments={API: given}, texts=dict(texts))


def policy(level: str) -> tuple[str, str]:
    return (POLICY, f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{{level: {level}}}]\n")


def admission(level: str) -> tuple[str, str]:
    plugin = {"name": "PodSecurity", "configuration": {"defaults": {"enforce": level}}}
    return (ADMISSION, json.dumps({"kind": "AdmissionConfiguration", "plugins": [plugin]}))


def etcd_authority(about: AuditedNode, path: str) -> AuditFacts:
    config = json.dumps({"client-transport-security": {"trusted-ca-file": path}})
    return api((about.etcd_config, config), client_ca_file="/ca.crt")


def listening(*sockets: Listener, port: str = "22") -> AuditFacts:
    return AuditFacts(NODE, listeners=sockets, sshd={"port": (port,)})


def encrypted(*providers: str) -> AuditFacts:
    return replace(api(encryption_provider_config="/e.json"), providers=providers)


Facts = Callable[[AuditedNode], AuditFacts]
OWN: Mapping[str, tuple[Facts, Facts]] = {
    "encryption": (lambda _: encrypted("aescbc", "identity"), lambda _: encrypted("identity", "aescbc")),
    "etcd-authority": (
        lambda about: etcd_authority(about, "/etcd/ca.crt"),
        lambda about: etcd_authority(about, "/ca.crt"),
    ),
    "audit-policy": (
        lambda _: api(policy("Metadata"), audit_policy_file=POLICY),
        lambda _: api(policy("None"), audit_policy_file=POLICY),
    ),
    "pod-security": (
        lambda _: api(admission("restricted"), admission_control_config_file=ADMISSION),
        lambda _: api(admission("privileged"), admission_control_config_file=ADMISSION),
    ),
    "clock": (lambda _: AuditFacts(NODE, synchronized=True), lambda _: AuditFacts(NODE, synchronized=False)),
    "swap": (lambda _: AuditFacts(NODE, swap=()), lambda _: AuditFacts(NODE, swap=("/dev/zram0",))),
    "updates": (
        lambda _: AuditFacts(NODE, updates=PendingUpdates(3600)),
        lambda _: AuditFacts(NODE, updates=PendingUpdates(3600, ("openssl",))),
    ),
    "ports": (
        lambda _: listening(Listener("TCP", 22, "sshd"), Listener("TCP", 10250, "")),
        lambda _: listening(Listener("TCP", 22, "sshd"), Listener("TCP", 111, "rpcbind")),
    ),
}
"""Facts that pass, and facts that fail, by the name of the function that judges them."""

_TLS, _CRED = "{server}/tls", "{server}/cred"
COMMON: Mapping[str, Mapping[str, str]] = {
    API: {
        "anonymous-auth": "false",
        "authorization-mode": "Node,RBAC",
        "client-ca-file": f"{_TLS}/client-ca.crt",
        "enable-admission-plugins": "NodeRestriction",
        "etcd-cafile": f"{_TLS}/etcd/server-ca.crt",
        "etcd-certfile": f"{_TLS}/etcd/client.crt",
        "etcd-keyfile": f"{_TLS}/etcd/client.key",
        "kubelet-certificate-authority": f"{_TLS}/server-ca.crt",
        "kubelet-client-certificate": f"{_TLS}/client-kube-apiserver.crt",
        "kubelet-client-key": f"{_TLS}/client-kube-apiserver.key",
        "profiling": "false",
        "service-account-key-file": f"{_TLS}/service.key",
        "tls-cert-file": f"{_TLS}/serving-kube-apiserver.crt",
        "tls-cipher-suites": ",".join(CIPHERS),
        "tls-private-key-file": f"{_TLS}/serving-kube-apiserver.key",
    },
    "kube-controller-manager": {
        "bind-address": "127.0.0.1",
        "profiling": "false",
        "root-ca-file": f"{_TLS}/server-ca.crt",
        "service-account-private-key-file": f"{_TLS}/service.current.key",
        "use-service-account-credentials": "true",
    },
    "kube-scheduler": {"bind-address": "127.0.0.1", "profiling": "false"},
    "kubelet": {"config-dir": "{data}/agent/etc/kubelet.conf.d", "hostname-override": NODE},
    "kube-proxy": {"healthz-bind-address": "127.0.0.1", "proxy-mode": "iptables"},
}
"""What both set that audits read (k3s v1.32 source, `pkg/daemons`, which is a part of RKE2)."""
RKE2_ADMISSION = "/etc/rancher/rke2/rke2-pss.yaml"
OWN_ARGUMENTS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "k3s": {},
    "rke2": {
        API: {"admission-control-config-file": RKE2_ADMISSION},
        "kube-controller-manager": {"terminated-pod-gc-threshold": "1000"},
    },
}
"""What one of them sets (RKE2 v1.32.0 source, `pkg/podexecutor`, and as it runs)."""
RKE2_AUDIT_LOG = {
    "audit-log-maxage": "30",
    "audit-log-maxbackup": "10",
    "audit-log-maxsize": "100",
    "audit-log-path": "{server}/logs/audit.log",
}
"""What RKE2 sets when the configuration or the profile names an audit policy (the same source)."""
KEYS = {
    "audit-policy-file": "audit-policy-file",
    "pod-security-admission-config-file": "admission-control-config-file",
}
"""Arguments of the API server for which RKE2 has keys of its own."""
KUBELET = """\
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 2m0s, enabled: true}
  x509: {clientCAFile: DATA/agent/client-ca.crt}
authorization: {mode: Webhook}
kind: KubeletConfiguration
streamingConnectionIdleTimeout: 4h0m0s
tlsCertFile: DATA/agent/serving-kubelet.crt
tlsPrivateKeyFile: DATA/agent/serving-kubelet.key
"""
ETCD = """\
client-transport-security:
  cert-file: DATA/server/tls/etcd/server-client.crt
  client-cert-auth: true
  key-file: DATA/server/tls/etcd/server-client.key
  trusted-ca-file: DATA/server/tls/etcd/server-ca.crt
peer-transport-security:
  cert-file: DATA/server/tls/etcd/peer-server-client.crt
  client-cert-auth: true
  key-file: DATA/server/tls/etcd/peer-server-client.key
  trusted-ca-file: DATA/server/tls/etcd/peer-ca.crt
"""
LINUX = {
    "fs.protected_hardlinks": "1",
    "fs.protected_symlinks": "1",
    "kernel.keys.root_maxbytes": "20000",
    "kernel.keys.root_maxkeys": "200",
    "kernel.panic": "0",
    "kernel.panic_on_oops": "0",
    "kernel.randomize_va_space": "2",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
    "net.ipv4.ip_forward": "1",
    "vm.overcommit_memory": "0",
    "vm.panic_on_oom": "1",
}
"""Settings of a kernel that nothing has prepared for a kubelet."""
BY_KUBELET = {
    "kernel.keys.root_maxbytes": "25000000",
    "kernel.keys.root_maxkeys": "1000000",
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
    "vm.overcommit_memory": "1",
    "vm.panic_on_oom": "0",
}
"""What a kubelet sets unless it must not (Kubernetes source, `pkg/kubelet/cm`, `setupKernelTunables`)."""


def server(name: str, profile: Profile) -> AuditFacts:
    """Return facts of a server on a machine without a fault: the distribution's arguments, and our files."""
    about, spec = audited(name, profile=profile), wanted(name, profile)
    distro = of(spec.kubernetes)
    written = {one.path: one.content for one in distro.files(spec, node(), ())}
    config: Mapping[str, Any] = YAML(typ="safe").load(written[distro.paths.config])
    encrypts = config.get("secrets-encryption", name == "rke2")
    drop_in = about.path("{kubelet_config}").replace("*", "00-defaults")
    etcd = "etcd:etcd" if config.get("profile") == "cis" and _makes_user("etcd", written) else "root:root"
    asked = questions(about)
    root = {path: (FileFacts(path, 0o600, "root:root"),) for path in asked.patterns}
    certificates = about.path("{server}/tls/etcd/")
    root |= {path: (FileFacts(path, 0o600, etcd),) for path in root if path.startswith(certificates)}
    if profile is None:
        pods = [path for path in root if "pod-manifests" in path]
        root |= {path: (FileFacts(path, 0o644, "root:root"),) for path in pods}
    kernel = LINUX | (BY_KUBELET if profile is None else _kernel(written))
    return AuditFacts(
        NODE,
        arguments=_arguments(name, about, config, encrypts=encrypts),
        files=root | {distro.paths.etcd: (FileFacts(distro.paths.etcd, 0o700, etcd),)},
        texts={
            RKE2_ADMISSION: admission("privileged")[1],
            drop_in: KUBELET.replace("DATA", distro.paths.data),
            about.etcd_config: ETCD.replace("DATA", distro.paths.data),
            **written,
        },
        kernel=kernel,
        sshd={**dict.fromkeys(asked.sshd, ("no",)), "port": ("22",)},
        synchronized=True,
        updates=PendingUpdates(3600),
        swap=(),
        listeners=(
            Listener("TCP", 22, "sshd"),
            Listener("TCP", 6443, "kube-apiserver"),
            Listener("TCP", distro.registration_port, name),
            Listener("UDP", 8472, ""),
        ),
        providers=("aescbc", "identity") if encrypts else None,
    )


def _arguments(
    name: str, about: AuditedNode, config: Mapping[str, Any], *, encrypts: bool
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return arguments of components as their processes have them: ours come last."""
    found: dict[str, dict[str, str]] = {}
    for component, common in COMMON.items():
        default = {**common, **OWN_ARGUMENTS[name].get(component, {})}
        own = {key: about.path(value) for key, value in default.items()}
        found[component] = own | dict(one.split("=", 1) for one in config.get(f"{component}-arg", ()))
    if name == "rke2":
        found[API] |= {argument: config[key] for key, argument in KEYS.items() if key in config}
        if "audit-policy-file" in config:
            found[API] |= {key: about.path(value) for key, value in RKE2_AUDIT_LOG.items()}
    if encrypts:
        found[API]["encryption-provider-config"] = about.path(f"{_CRED}/encryption-config.json")
    return {component: {key: (value,) for key, value in own.items()} for component, own in found.items()}


def _kernel(written: Mapping[str, str]) -> dict[str, str]:
    """Return the kernel settings that a unit applies before its service starts."""
    return {
        key: value
        for path, text in written.items()
        if any(f"sysctl -q -p {path}\n" in unit for unit in written.values())
        for key, _, value in (line.partition("=") for line in text.splitlines() if "=" in line)
    }


def _makes_user(user: str, written: Mapping[str, str]) -> bool:
    """Return whether a unit makes a user before its service starts."""
    return any(
        f"\nu {user} " in text and any(f"systemd-sysusers {path}\n" in unit for unit in written.values())
        for path, text in written.items()
    )
