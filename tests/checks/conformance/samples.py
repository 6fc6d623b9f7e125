"""Facts of nodes with which each audit passes, fails and is unknown; and those of a whole k3s server."""

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
from kbootstrap.distros import find
from kbootstrap.distros.additions import NOTHING
from kbootstrap.distros.model import Role
from tests.distros.samples import cluster, node

NODE = "n1"
API, POLICY, ADMISSION = "kube-apiserver", "/etc/audit.yaml", "/etc/psa.yaml"
Profile = Literal["cis"] | None


def audited(name: str = "k3s", role: Role = "server", profile: Profile = None) -> AuditedNode:
    """Return a node of a cluster that does not encrypt Secrets, unless its profile does."""
    kubernetes = replace(cluster(profile=profile).kubernetes, secrets_encryption=False)
    return audited_node(find(name), role, kubernetes, NOTHING)


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

_TLS, _CRED = "/var/lib/rancher/k3s/server/tls", "/var/lib/rancher/k3s/server/cred"
K3S_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    API: {
        "admission-control-config-file": "",
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
    "kubelet": {"config-dir": "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d", "hostname-override": NODE},
    "kube-proxy": {"healthz-bind-address": "127.0.0.1", "proxy-mode": "iptables"},
}
"""What k3s v1.32 sets that audits read (k3s source, `pkg/daemons`); the empty one is not set."""
K3S_KUBELET = """\
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 2m0s, enabled: true}
  x509: {clientCAFile: /var/lib/rancher/k3s/agent/client-ca.crt}
authorization: {mode: Webhook}
kind: KubeletConfiguration
streamingConnectionIdleTimeout: 4h0m0s
tlsCertFile: /var/lib/rancher/k3s/agent/serving-kubelet.crt
tlsPrivateKeyFile: /var/lib/rancher/k3s/agent/serving-kubelet.key
"""
K3S_ETCD = """\
client-transport-security:
  cert-file: /var/lib/rancher/k3s/server/tls/etcd/server-client.crt
  client-cert-auth: true
  key-file: /var/lib/rancher/k3s/server/tls/etcd/server-client.key
  trusted-ca-file: /var/lib/rancher/k3s/server/tls/etcd/server-ca.crt
peer-transport-security:
  cert-file: /var/lib/rancher/k3s/server/tls/etcd/peer-server-client.crt
  client-cert-auth: true
  key-file: /var/lib/rancher/k3s/server/tls/etcd/peer-server-client.key
  trusted-ca-file: /var/lib/rancher/k3s/server/tls/etcd/peer-ca.crt
"""


def k3s_server(profile: Profile) -> AuditFacts:
    """Return facts of a server on a machine without a fault: k3s' arguments and those of our files."""
    about, wanted = audited(profile=profile), cluster(profile=profile)
    wanted = replace(wanted, kubernetes=replace(wanted.kubernetes, secrets_encryption=False))
    written = {one.path: one.content for one in find("k3s").files(wanted, node(), ())}
    config: Mapping[str, Any] = YAML(typ="safe").load(written[find("k3s").paths.config])
    arguments = {name: {k: v for k, v in own.items() if v} for name, own in K3S_ARGUMENTS.items()}
    for name, own in arguments.items():
        own |= dict(one.split("=", 1) for one in config.get(f"{name}-arg", ()))
    encrypts = config["secrets-encryption"]
    if encrypts:
        arguments[API]["encryption-provider-config"] = f"{_CRED}/encryption-config.json"
    drop_in = about.path("{kubelet_config}").replace("*", "00-k3s-defaults")
    asked = questions(about)
    return AuditFacts(
        NODE,
        arguments={name: {k: (v,) for k, v in own.items()} for name, own in arguments.items()},
        files={path: (FileFacts(path, 0o600, "root:root"),) for path in asked.patterns},
        texts={drop_in: K3S_KUBELET, about.etcd_config: K3S_ETCD, **written},
        kernel={
            **dict.fromkeys(asked.kernel, "1"),
            "vm.panic_on_oom": "0",
            "kernel.panic": "10",
            "kernel.randomize_va_space": "2",
            "net.ipv4.conf.all.accept_source_route": "0",
            "net.ipv4.conf.all.accept_redirects": "0",
        },
        sshd={**dict.fromkeys(asked.sshd, ("no",)), "port": ("22",)},
        synchronized=True,
        updates=PendingUpdates(3600),
        swap=(),
        listeners=(
            Listener("TCP", 22, "sshd"),
            Listener("TCP", 6443, "k3s-server"),
            Listener("UDP", 8472, ""),
        ),
        providers=("aescbc", "identity") if encrypts else None,
    )
