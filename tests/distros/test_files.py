"""Node configuration of both distributions as golden trees: `tests/distros/golden/<case>/<path>`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.distros import find, names, of
from kbootstrap.distros.additions import NOTHING, Additions
from kbootstrap.distros.common import may_register
from kbootstrap.distros.model import Role
from kbootstrap.spec.model import Cluster, Node, Taint
from tests.conftest import Golden
from tests.distros.samples import cluster, node

GOLDEN = Path(__file__).parent / "golden"
SAN = ("10.9.0.10", "127.0.0.1", "localhost", "10.9.0.10")
LABELS = {"tier": "web", "node-role.kubernetes.io/web": "true", "node.kubernetes.io/class": "big"}
TAINT = Taint("dedicated", "db", "NoSchedule")
RKE2 = "v1.32.11+rke2r3"


def rke2(**more: Any) -> Cluster:  # noqa: ANN401
    return cluster(**{"distribution": "rke2", "version": RKE2, **more})


CASES: dict[str, tuple[Cluster, Node]] = {
    "k3s-server": (cluster(), node()),
    "k3s-agent": (cluster(), node(2, "agent", labels=LABELS, taints=(TAINT,))),
    "k3s-cis-server": (cluster(profile="cis"), node()),
    "k3s-cis-agent": (cluster(profile="cis"), node(1, "agent")),
    "rke2-server": (rke2(), node()),
    "rke2-old-agent": (rke2(version="v1.31.0+rke2r1"), node(1, "agent")),
    "rke2-cilium-server": (rke2(cni="cilium", ingress_controller="traefik"), node()),
    "rke2-cis-server": (rke2(profile="cis"), node()),
    "rke2-cis-agent": (rke2(profile="cis"), node(1, "agent")),
    "k3s-cloud-server": (cluster(), node()),
    "k3s-cis-cloud-agent": (cluster(profile="cis"), node(1, "agent")),
    "rke2-cloud-server": (rke2(), node()),
    "rke2-cloud-agent": (rke2(), node(1, "agent")),
}
ADDED = Additions(cloud_controller=True, manifests={"controller.yaml": "kind: DaemonSet\n"})


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, golden: Golden) -> None:
    spec, wanted = CASES[case]
    distro = of(spec.kubernetes)
    files = distro.files(spec, wanted, SAN, ADDED if "cloud" in case else NOTHING)
    for file in files:
        golden.check(GOLDEN / case / file.path.lstrip("/"), file.content)
    found = {f"/{path.relative_to(GOLDEN / case)}" for path in (GOLDEN / case).rglob("*") if path.is_file()}
    assert found == {file.path for file in files}
    assert all(file.mode == 0o600 for file in files if "/etc/rancher/" in file.path)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("role", ["server", "agent"])
def test_join_files(name: str, role: Role, golden: Golden) -> None:
    distro = find(name)
    url = f"https://10.9.0.10:{distro.registration_port}"
    file = distro.join_file(role=role, initial=False, registration=url)
    golden.check(GOLDEN / "join" / f"{name}-{role}.yaml", file.content)
    assert file.path == distro.paths.join
    assert not file.restart


@pytest.mark.parametrize("name", names())
def test_the_initial_server_joins_no_other(name: str, golden: Golden) -> None:
    file = find(name).join_file(role="server", initial=True, registration="https://10.9.0.10:1")
    golden.check(GOLDEN / "join" / f"{name}-initial.yaml", file.content)
    assert "server:" not in file.content


@pytest.mark.parametrize("name", names())
def test_a_config_has_no_secret_and_no_join(name: str) -> None:
    distro = find(name)
    text = distro.files(cluster(distribution="k3s"), node(), SAN)[0].content
    assert "token-file: " in text
    assert "\ntoken:" not in text
    assert "server:" not in text


def test_artifacts_are_named_as_the_vendor_does() -> None:
    k3s, rke2 = find("k3s"), find("rke2")
    assert [a.name for a in k3s.artifacts("v1.32.0+k3s1", "amd64")] == [
        "k3s",
        "k3s-airgap-images-amd64.tar.zst",
    ]
    assert [a.name for a in k3s.artifacts("v1", "arm64")] == ["k3s-arm64", "k3s-airgap-images-arm64.tar.zst"]
    assert {a.path for a in k3s.artifacts("v1", "arm64") if "airgap" not in a.name} == {k3s.paths.binary}
    assert [a.name for a in rke2.artifacts(RKE2, "arm64")] == [
        "rke2.linux-arm64.tar.gz",
        "rke2-images-core.linux-arm64.tar.zst",
        "rke2-images-canal.linux-arm64.tar.zst",
    ]


def test_a_host_name_as_address_gives_no_node_ip() -> None:
    named = replace(node(), address="db-1.example.com")
    assert "node-ip" not in find("k3s").files(cluster(), named, SAN)[0].content


@pytest.mark.parametrize(
    ("label", "allowed"),
    [
        ("tier", True),
        ("example.com/tier", True),
        ("node-role.kubernetes.io/worker", False),
        ("topology.kubernetes.io/zone", False),
        ("node.kubernetes.io/class", True),
        ("foo.node.kubernetes.io/class", True),
        ("k8s.io/x", False),
    ],
)
def test_labels_a_node_may_set_itself(label: str, *, allowed: bool) -> None:
    assert may_register(label) is allowed


def test_unknown_distribution() -> None:
    with pytest.raises(KeyError):
        find("model")
