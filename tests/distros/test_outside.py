"""Registries and the proxy of nodes: golden files, and what is reached without the proxy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kbootstrap.distros import find, outside, proxy, registries
from kbootstrap.distros.model import NodeFile, Role
from kbootstrap.spec.logins import Login
from kbootstrap.spec.model import (
    ApiSettings,
    Cluster,
    FromEnvironment,
    FromFile,
    HostSpec,
    NodeProxy,
    Registries,
    RegistryAccess,
    RegistryMirror,
)
from tests.conftest import Golden
from tests.distros.samples import cluster

GOLDEN = Path(__file__).parent / "golden-outside"
MIRROR = RegistryMirror(("https://mirror.test:5000", "http://10.0.0.5"), {"^rancher/(.*)": "hub/rancher/$1"})
CA = RegistryAccess(None, FromFile("ca.pem"), None, None, insecure=False)
LOGIN = RegistryAccess(
    FromEnvironment("KB"), FromFile("ca.pem"), FromFile("nodes.pem"), FromFile("key.pem"), insecure=False
)
OPEN = Registries({"docker.io": MIRROR}, {"mirror.test:5000": CA}, "mirror.test:5000", True, False)
CLOSED = replace(OPEN, access={"mirror.test:5000": LOGIN, "other.test": replace(CA, ca=None, insecure=True)})
PROXY = NodeProxy("http://proxy.test:3128", (".example.org", "10.20.0.0/16"), None)


def wanted(
    found: Registries | None, through: NodeProxy | None = None, *, distribution: str = "k3s"
) -> Cluster:
    base = cluster(distribution="rke2") if distribution == "rke2" else cluster()
    return replace(base, registries=found, proxy=through)


def rendered(spec: Cluster, role: Role) -> dict[str, NodeFile]:
    distro = find(spec.kubernetes.distribution)
    return {file.path: file for file in outside.files(distro, spec, role)}


@pytest.mark.parametrize("distribution", ["k3s", "rke2"])
@pytest.mark.parametrize("role", ["server", "agent"])
def test_golden(distribution: str, role: Role, golden: Golden) -> None:
    found = rendered(wanted(OPEN, PROXY, distribution=distribution), role)
    for path, file in found.items():
        golden.check(GOLDEN / f"{distribution}-{role}" / path.lstrip("/"), file.content)
        assert file.mode == (0o644 if "/systemd/" in path else 0o600)
        assert outside.owned(find(distribution), path)


def test_with_credentials(golden: Golden) -> None:
    distro, spec = find("k3s"), wanted(CLOSED, replace(PROXY, credentials=FromEnvironment("P")))
    assert registries.file_path(distro) not in rendered(spec, "agent")
    assert proxy.environment_path(distro) not in rendered(spec, "agent")
    text = registries.secret_text(distro, CLOSED, {"mirror.test:5000": Login("anna", 'pass"word')})
    golden.check(GOLDEN / "registries-with-credentials.yaml", text)
    read = YAML(typ="safe").load(text)
    assert read["configs"]["mirror.test:5000"]["auth"] == {"username": "anna", "password": 'pass"word'}
    assert set(read["mirrors"]) == {"*", "docker.io"}
    named = {
        path for one in read["configs"].values() for path in one["tls"].values() if isinstance(path, str)
    }
    assert outside.secret_paths(distro, spec) == named | {
        registries.file_path(distro),
        proxy.environment_path(distro),
    }


def test_secret_files_do_not_begin_with_our_header() -> None:
    """Facts contain the text of files that do."""
    distro, login = find("k3s"), Login("anna", "word")
    for text in (
        registries.secret_text(distro, CLOSED, {"mirror.test:5000": login}),
        proxy.secret_text(PROXY, login, ()),
    ):
        assert not text.startswith("# Written by kbootstrap ")


def test_a_password_is_quoted_in_the_url_of_the_proxy() -> None:
    text = proxy.secret_text(PROXY, Login("a@b", "p:/%w"), ("localhost",))
    assert "HTTPS_PROXY=http://a%40b:p%3A%2F%25w@proxy.test:3128\n" in text


def test_nothing_of_the_cluster_goes_through_the_proxy() -> None:
    spec = wanted(None, PROXY)
    direct = proxy.exceptions(spec, "agent")
    assert {"10.42.0.0/16", "10.43.0.0/16", "10.9.0.0/16", "127.0.0.0/8", ".svc"} <= set(direct)


def test_machines_with_addresses_of_their_own() -> None:
    def host(address: str) -> HostSpec:
        return HostSpec(address, address, {})

    spec = replace(wanted(None, PROXY), network=None, api=ApiSettings("api.test", ()))
    spec = replace(
        spec,
        control_plane=replace(spec.control_plane, hosts=(host("10.1.0.1"), host("10.20.0.9"))),
        pools=(replace(spec.pools[0], hosts=(host("node.test"),)),),
    )
    servers = proxy.exceptions(spec, "server")
    assert [one for one in servers if one not in proxy.exceptions(spec, "agent")] == ["node.test"]
    assert {"10.1.0.1", "api.test"} <= set(servers)
    assert "10.20.0.9" not in servers  # in a network that the spec adds
    sharing = replace(spec, registries=OPEN)
    assert "node.test" in proxy.exceptions(sharing, "agent")


def test_an_empty_file_is_valid_for_every_reader() -> None:
    assert all(line.startswith("#") for line in outside.NOTHING.splitlines())
    assert YAML(typ="safe").load(outside.NOTHING) is None


@pytest.mark.parametrize(("distribution", "joining"), [("k3s", 6443), ("rke2", 9345)])
def test_ports_of_the_embedded_mirror(distribution: str, joining: int) -> None:
    distro, spec = find(distribution), wanted(OPEN, distribution=distribution)
    assert [str(port) for port in registries.ports(distro, spec)] == ["TCP 5001", f"TCP {joining}"]
    assert registries.ports(distro, wanted(replace(OPEN, embedded=False), distribution=distribution)) == ()
