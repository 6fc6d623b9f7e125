"""`profile: cis`: the settings that machines, API server and kubelet get, read as their readers do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kbootstrap import distros
from kbootstrap.distros.hardening import EXEMPT, PROFILE
from kbootstrap.distros.model import Role
from kbootstrap.spec import schemas
from tests.distros.samples import cluster, node

PACKAGE = Path(__file__).parents[2] / "kbootstrap"
VERSIONS = {"k3s": "v1.32.0+k3s1", "rke2": "v1.32.11+rke2r3"}
NAMES = distros.names()
KERNEL = {
    "kernel.keys.root_maxbytes": "25000000",
    "kernel.keys.root_maxkeys": "1000000",
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
    "vm.overcommit_memory": "1",
    "vm.panic_on_oom": "0",
}
"""Kubernetes source, `pkg/kubelet/cm/container_manager_linux.go`, `setupKernelTunables`."""


def made(name: str, role: Role = "server", **more: Any) -> dict[str, str]:  # noqa: ANN401
    """Return the files of a node by path."""
    spec = cluster(distribution=name, version=VERSIONS[name], profile=PROFILE, **more)  # type: ignore[arg-type]
    return {file.path: file.content for file in distros.of(spec.kubernetes).files(spec, node(1, role), ())}


def read(text: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe", pure=True).load_all(text))


def config(name: str, role: Role = "server") -> dict[str, Any]:
    [found] = read(made(name, role)[distros.find(name).paths.config])
    return found


def of_kind(name: str, kind: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the only document of a kind among the files of a server, and that a key of it names the file."""
    [(path, text)] = [
        (p, t) for p, t in made(name, **more).items() if re.search(rf"^kind: {kind}$", t, re.MULTILINE)
    ]
    assert path in made(name, **more)[distros.find(name).paths.config]
    [found] = read(text)
    return found


def test_the_profile_is_the_one_of_the_language() -> None:
    kubernetes = schemas.spec()["definitions"]["cluster"]["properties"]["kubernetes"]
    assert kubernetes["properties"]["profile"]["enum"] == [PROFILE]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("role", ["server", "agent"])
def test_the_unit_sets_what_the_kubelet_requires(name: str, role: Role) -> None:
    files = made(name, role)
    [path] = [path for path in files if path.startswith("/etc/sysctl.d/")]
    lines = [line.split("=") for line in files[path].splitlines() if not line.startswith("#")]
    assert dict(lines) == KERNEL
    units = [text for place, text in files.items() if place.startswith("/etc/systemd/system/")]
    assert any(f"ExecStartPre=-/sbin/sysctl -q -p {path}\n" in text for text in units)
    found = config(name, role)
    assert found.get("protect-kernel-defaults") is True or found.get("profile") == "cis"


@pytest.mark.parametrize("name", NAMES)
def test_pods_are_restricted_but_for_what_is_installed(name: str) -> None:
    plugins = {
        one["name"]: one["configuration"] for one in of_kind(name, "AdmissionConfiguration")["plugins"]
    }
    pods = plugins["PodSecurity"]
    assert {pods["defaults"][mode] for mode in ("enforce", "audit", "warn")} == {"restricted"}
    assert pods["exemptions"] == {"usernames": [], "runtimeClasses": [], "namespaces": ["kube-system"]}
    assert plugins["EventRateLimit"]["limits"] == [{"type": "Server", "qps": 5000, "burst": 20000}]
    assert "enable-admission-plugins=NodeRestriction,EventRateLimit" in config(name)["kube-apiserver-arg"]


def test_the_pod_network_that_is_installed_is_exempt() -> None:
    admission = of_kind("rke2", "AdmissionConfiguration", cni="calico")
    exempt = admission["plugins"][0]["configuration"]["exemptions"]["namespaces"]
    assert exempt == ["calico-system", "kube-system", "tigera-operator"]


def test_whatever_providers_install_is_exempt() -> None:
    manifests = list(PACKAGE.glob("providers/*/manifests/*.yaml"))
    assert manifests
    for path in manifests:
        for text in re.findall(r"^\s*(?:- )?namespace: (\S+)$", path.read_text("utf-8"), re.MULTILINE):
            assert text in EXEMPT, path


@pytest.mark.parametrize("name", NAMES)
def test_the_audit_policy_logs_everything_that_is_not_listed_and_no_body(name: str) -> None:
    *rules, rest = of_kind(name, "Policy")["rules"]
    assert rest == {"level": "Metadata"}
    assert {rule["level"] for rule in rules} == {"None"}
    assert all({"nonResourceURLs", "resources"} & {*rule} for rule in rules)
    quiet = [
        resource for rule in rules for group in rule.get("resources", ()) for resource in group["resources"]
    ]
    assert quiet == ["leases"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("role", ["server", "agent"])
def test_the_kubelet_accepts_strong_ciphers_only(name: str, role: Role) -> None:
    arguments = config(name, role)["kubelet-arg"]
    assert "tls-min-version=VersionTLS12" in arguments
    [ciphers] = [one for one in arguments if one.startswith("tls-cipher-suites=")]
    for cipher in ciphers.partition("=")[2].split(","):
        assert re.fullmatch(r"TLS_ECDHE_(RSA|ECDSA)_WITH_(AES_\d+_GCM|CHACHA20_POLY1305)(_SHA\d+)?", cipher)


@pytest.mark.parametrize("name", NAMES)
def test_secrets_are_encrypted(name: str) -> None:
    found = config(name)
    assert found.get("secrets-encryption") is True or name == "rke2"


def test_k3s_gets_the_policies_that_rke2_sets_itself() -> None:
    folder = f"{distros.find('k3s').paths.manifests}/"
    texts = [text for path, text in made("k3s").items() if path.startswith(folder)]
    documents = [one for text in texts for one in read(text)]
    policies = [one for one in documents if one["kind"] == "NetworkPolicy"]
    closed = [one["metadata"]["namespace"] for one in policies if one["spec"]["podSelector"] == {}]
    assert closed == ["default", "kube-public", "kube-system"]
    opened = [one for one in policies if one["spec"]["podSelector"] != {}]
    assert {one["metadata"]["namespace"] for one in opened} == {"kube-system"}
    accounts = [one for one in documents if one["kind"] == "ServiceAccount"]
    assert {one["metadata"]["namespace"] for one in accounts} >= {*closed}
    assert all(one["automountServiceAccountToken"] is False for one in accounts)
    assert not [path for path in made("rke2") if path.startswith(distros.find("rke2").paths.manifests)]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_it_without_the_profile(name: str) -> None:
    spec = cluster(distribution=name, version=VERSIONS[name])  # type: ignore[arg-type]
    plain = {file.path: file.content for file in distros.find(name).files(spec, node(), ())}
    words = r"sysctl|sysusers|audit|admission|NetworkPolicy|protect-kernel|profile|tls-cipher"
    assert not [path for path, text in plain.items() if re.search(words, f"{path} {text}")]
