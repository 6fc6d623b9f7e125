"""What every distribution answers, and that the language knows the same ones."""

from __future__ import annotations

import re
import subprocess

import pytest

from kbootstrap import distros
from kbootstrap.distros.model import Distribution, Role
from kbootstrap.distros.requirements import FreeSpace, Memory, ports, programs
from kbootstrap.spec import distributions, schemas

VERSIONS = ("v1.32.0+k3s1", "v1.32.1-rc1+k3s2", "v1.31.4+rke2r1", "v1.31.4-rc3+rke2r2")
ROLES: tuple[Role, ...] = ("server", "agent")


@pytest.fixture(params=distros.names())
def distribution(request: pytest.FixtureRequest) -> Distribution:
    return distros.find(request.param)


def test_the_language_knows_those_that_are_there() -> None:
    kubernetes = schemas.spec()["definitions"]["cluster"]["properties"]["kubernetes"]
    chosen = kubernetes["properties"]["distribution"]
    assert tuple(chosen["enum"]) == distros.names() == distributions.names()
    assert chosen["default"] in chosen["enum"]
    assert distributions.default().supported


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_is_of_one_distribution(version: str) -> None:
    assert len([one for one in distros.every() if one.traits.version.fits(version)]) == 1
    assert distros.of_version(version).traits.version.fits(version)


def test_an_unknown_version_counts_as_the_default_distributions() -> None:
    assert distros.of_version("v1.32.0") is distros.find(distributions.default().name)


def test_versions(distribution: Distribution) -> None:
    form = distribution.traits.version
    assert distribution.traits.name == distribution.name
    assert form.fits(form.example)
    assert form.fits(form.first("v1.32.0"))
    assert not form.fits("v1.32.0")
    assert re.fullmatch(form.pattern, form.example)


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_what_the_vendor_publishes_is_what_nodes_get(distribution: Distribution, arch: str) -> None:
    version = distribution.traits.version.example
    release = distribution.release(version, arch)
    assert release.files == tuple(one.name for one in distribution.artifacts(version, arch))
    assert release.tag == version
    assert arch in release.checksums


def test_the_installed_version_comes_from_what_the_stamp_names(distribution: Distribution) -> None:
    program = distribution.artifacts("v1", "amd64")[0]
    assert distribution.installed({program.path: "v1", "/elsewhere": "v2"}) == "v1"
    assert distribution.installed({"/elsewhere": "v2"}) == ""


def test_command_lines() -> None:
    k3s, rke2 = distros.find("k3s"), distros.find("rke2")
    assert k3s.command("kubectl", "get", "nodes") == ("/usr/local/bin/k3s", "kubectl", "get", "nodes")
    assert k3s.command("ctr", "version") == ("/usr/local/bin/k3s", "ctr", "version")
    assert rke2.command("kubectl", "get", "nodes") == ("/var/lib/rancher/rke2/bin/kubectl", "get", "nodes")
    socket = "/run/k3s/containerd/containerd.sock"
    assert rke2.command("ctr", "version") == (
        "/var/lib/rancher/rke2/bin/ctr",
        "--address",
        socket,
        "version",
    )
    assert rke2.command("etcd-snapshot", "save") == ("/usr/local/bin/rke2", "etcd-snapshot", "save")
    assert rke2.command("certificate", "rotate") == ("/usr/local/bin/rke2", "certificate", "rotate")


@pytest.mark.parametrize("role", ROLES)
def test_requirements(distribution: Distribution, role: Role) -> None:
    needs = distribution.requirements(role)
    memory = [one for one in needs if isinstance(one, Memory)]
    assert len(memory) == 1
    assert memory[0].least < memory[0].enough
    space = {one.place for one in needs if isinstance(one, FreeSpace)}
    assert space == {"data", "program"}
    assert 10250 in ports(needs)
    assert {2379, 2380, 6443, distribution.registration_port} <= set(ports(needs)) or role == "agent"
    assert len(needs) == len(set(needs))
    assert all(one.package and one.purpose for one in programs(needs))


def test_units_and_secrets_have_names_of_their_own() -> None:
    every = distros.every()
    assert len({one.unit(role) for one in every for role in ROLES}) == len(every) * len(ROLES)
    assert len({one.password_secret("n") for one in every}) == len(every)


def test_what_stops_and_starts_a_control_plane(distribution: Distribution) -> None:
    version = distribution.traits.version.example
    files = distribution.artifacts(version, "amd64")
    needed = [one for one in files if distribution.rehearses(one)]
    assert files[0] in needed, "a rehearsal runs the program"
    assert distribution.fence["etcd-disable-snapshots"] is True
    assert distribution.forbids(version, version) is None
    for text in (distribution.halt, *(one.after for one in files)):
        assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0
    assert not {*distribution.belongings} & {distribution.paths.binary, distribution.paths.stamp}
