"""The stand-in for RKE2: what its program refuses, warns of, and hands to what runs under it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.artifacts.source import images
from kbootstrap.artifacts.source.images import Image
from kbootstrap.artifacts.source.pack import Data
from kbootstrap.distros import of, outside
from kbootstrap.distros.model import Role
from kbootstrap.spec.model import Registries
from tests.distros.samples import cluster, node
from tests.standin import vendor

VERSION, OTHER = "v1.32.1+rke2r1", "v1.33.1+rke2r1"
ZSTD = """\
#!/usr/bin/env python3
import sys, zstandard
with open(sys.argv[-1], "rb") as packed:
    zstandard.ZstdDecompressor().copy_stream(packed, sys.stdout.buffer)
"""
ENGINE = """\
#!/bin/sh
echo "path ${PATH%%:*}"
for one in "$@"; do echo "argument $one"; done
"""


class Machine:
    """The files of a machine below a folder, and the program on it."""

    def __init__(self, root: Path, mirror: Path) -> None:
        self.root, self.mirror, self.data = root, mirror, root / "var/lib/rancher/rke2"
        self.images = self.data / "agent/images"
        self.images.mkdir(parents=True)
        tools = root / "tools"
        tools.mkdir()
        (tools / "zstd").write_text(ZSTD)
        (tools / "zstd").chmod(0o755)
        self.program = root / "rke2"
        self.config("node-name: a\n")

    def config(self, text: str, name: str = "config.yaml") -> None:
        path = self.root / "etc/rancher/rke2" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def stage(self, version: str = VERSION) -> None:
        """Put the program and the images of a version in place."""
        place = self.mirror / version
        subprocess.run(
            [
                "tar",
                "-xzf",
                place / "rke2.linux-amd64.tar.gz",
                "-C",
                self.root,
                "--strip-components=1",
                "bin/rke2",
            ],
            check=True,
        )
        for kind in ("core", "canal"):
            name = f"rke2-images-{kind}.linux-amd64.tar.zst"
            (self.images / name).write_bytes((place / name).read_bytes())

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {
            "RKE2_STANDIN_ROOT": str(self.root),
            "PATH": f"{self.root}/tools:{os.environ['PATH']}",
        }
        return subprocess.run(
            ["sh", self.program, *arguments], env=env, capture_output=True, text=True, check=False
        )

    def handed(self, *arguments: str) -> list[str]:
        """What the engine was given."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return [line.removeprefix("argument ") for line in done.stdout.splitlines() if "argument " in line]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases whose engine prints what it is given."""
    folder = tmp_path_factory.mktemp("releases")
    addons = folder / "addons.tar.zst"
    images.pack([Image("rancher/pause:1", {"pause": Data(b"pause")})], "amd64", addons)
    for version in (VERSION, OTHER):
        sources = {name: folder / name for name in (vendor.ENGINE, *vendor.PROGRAMS)}
        for path in sources.values():
            path.write_text(f"{ENGINE}# {version}\n")
        vendor.publish(folder / "mirror", version, "amd64", sources, addons)
    return folder / "mirror"


@pytest.fixture
def machine(tmp_path: Path, mirror: Path) -> Machine:
    made = Machine(tmp_path, mirror)
    made.stage()
    return made


def test_a_server_listens_on_rke2s_ports(machine: Machine) -> None:
    found = machine.handed("server")
    assert found[0] == "server"
    assert {"--supervisor-port=9345", "--apiserver-port=6443", "--cluster-init", "--secrets-encryption"} <= {
        *found
    }
    assert "--flannel-backend=none" not in found
    assert not [one for one in machine.handed("agent") if "port" in one or "cluster-init" in one]


def test_the_configuration_of_kbootstrap_is_understood(machine: Machine) -> None:
    spec = cluster(distribution="rke2", version=VERSION)
    for file in of(spec.kubernetes).files(spec, node(), ("10.9.0.10",)):
        if file.path.startswith("/etc/rancher/rke2/"):
            machine.config(file.content, file.path.removeprefix("/etc/rancher/rke2/"))
    machine.config("kube-proxy-arg+:\n  - conntrack-min=0\n", "config.yaml.d/10-node.yaml")
    done = machine.run("server")
    assert (done.returncode, done.stderr) == (0, "")
    text = "".join(path.read_text() for path in sorted(machine.root.glob("run/rke2-standin/server.yaml.d/*")))
    assert "cluster-cidr: 10.42.0.0/16\n" in text
    assert "kube-proxy-arg+:\n  - conntrack-min=0\n" in text
    assert "tls-san:\n  - 10.9.0.10\n" in text
    assert "ingress-controller" not in text
    assert "cni" not in text


@pytest.mark.parametrize("role", ["server", "agent"])
def test_settings_about_registries_are_understood(machine: Machine, role: Role) -> None:
    wanted = Registries({}, {}, "mirror.test", embedded=True, default_endpoint=False)
    spec = replace(cluster(distribution="rke2", version=VERSION), registries=wanted)
    (path, text), *_ = [(one.path, one.content) for one in outside.files(of(spec.kubernetes), spec, role)]
    machine.config(text, path.removeprefix("/etc/rancher/rke2/"))
    done = machine.run(role)
    assert (done.returncode, done.stderr) == (0, "")
    handed = (machine.root / f"run/rke2-standin/{role}.yaml.d/12.yaml").read_text()
    assert "disable-default-registry-endpoint: true\n" in handed
    assert "system-default-registry: mirror.test\n" in handed
    assert ("embedded-registry: true\n" in handed) == (role == "server")


def test_an_unknown_key_is_skipped_with_a_warning(machine: Machine) -> None:
    machine.config("node-name: a\nflannel-backend: vxlan\n")
    done = machine.run("server")
    assert done.returncode == 0
    assert "level=warning" in done.stderr
    assert "Unknown flag --flannel-backend found in config.yaml, skipping" in done.stderr
    assert "flannel-backend" not in (machine.root / "run/rke2-standin/server.yaml.d/11.yaml").read_text()
    machine.config("cni: canal\nnode-name: a\n")
    assert "Unknown flag --cni" in machine.run("agent").stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("kubectl", "get", "nodes"), 3, "No help topic for 'kubectl'"),
        (("ctr", "version"), 3, "No help topic for 'ctr'"),
        (("crictl", "ps"), 3, "No help topic"),
        (("server", "--cluster-init"), 1, "flag provided but not defined: -cluster-init"),
        (("agent", "--flannel-iface=eth0"), 1, "flag provided but not defined: -flannel-iface"),
    ],
)
def test_what_rke2_does_not_have(
    machine: Machine, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = machine.run(*arguments)
    assert done.returncode == status
    assert said in done.stderr


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("cni: weave\n", "Invalid value weave for --cni flag"),
        ("ingress-controller: haproxy\n", "Invalid value haproxy for --ingress-controller flag"),
        ("profile: cis-1.23\n", "invalid value provided for --profile flag"),
        ("profile: cis\n", "invalid kernel parameter value"),
    ],
)
def test_a_value_that_rke2_refuses_ends_the_start(machine: Machine, config: str, said: str) -> None:
    machine.config(config)
    done = machine.run("server")
    assert done.returncode == 1
    assert "level=fatal" in done.stderr
    assert said in done.stderr


def test_a_hardened_machine_starts(machine: Machine) -> None:
    machine.config("profile: cis\n")
    for name, value in {
        "vm/overcommit_memory": 1,
        "vm/panic_on_oom": 0,
        "kernel/panic": 10,
        "kernel/panic_on_oops": 1,
    }.items():
        path = machine.root / "proc/sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    assert machine.run("agent").returncode == 0
    assert "unknown user etcd" in machine.run("server").stderr
    (machine.root / "etc/passwd").write_text("etcd:x:999:999::/:/sbin/nologin\n")
    assert machine.run("server").returncode == 0
    for role in ("server", "agent"):
        own = machine.root / f"run/rke2-standin/{role}.yaml.d/99-own.yaml"
        assert machine.run(role).returncode == 0
        assert own.read_text() == "protect-kernel-defaults: true\n"


def test_keys_for_the_api_server_become_settings_of_the_engine(machine: Machine) -> None:
    own = machine.root / "run/rke2-standin/server.yaml.d/99-own.yaml"
    machine.config("audit-policy-file: /a.yaml\npod-security-admission-config-file: /p.yaml\n")
    machine.handed("server")
    assert own.read_text().splitlines()[:2] == [
        "kube-apiserver-arg+:",
        "  - admission-control-config-file=/p.yaml",
    ]
    assert {"  - audit-policy-file=/a.yaml", "  - audit-log-maxage=30"} <= {*own.read_text().splitlines()}
    assert f"  - audit-log-path={machine.data}/server/logs/audit.log" in own.read_text()
    assert (machine.data / "server/logs").stat().st_mode & 0o777 == 0o700
    machine.config("node-name: a\n")
    machine.handed("server")
    assert not own.exists()


def test_components_have_rke2s_names(machine: Machine) -> None:
    machine.config("disable:\n  - rke2-metrics-server\n  - metrics-server\n")
    found = [one for one in machine.handed("server") if one.startswith("--disable=")]
    assert found.count("--disable=metrics-server") == 1
    machine.config("disable: []\n")
    assert "--disable=metrics-server" not in machine.handed("server")


def test_drop_ins_replace_lists_or_add_to_them(machine: Machine) -> None:
    machine.config("cni: canal\ndisable:\n  - rke2-coredns\n")
    machine.config("disable+:\n  - rke2-metrics-server\n", "config.yaml.d/20.yaml")
    found = machine.handed("server")
    assert {"--disable=coredns", "--disable=metrics-server"} <= {*found}
    machine.config('disable:\n  - "rke2-metrics-server"\ncni: none\n', "config.yaml.d/30.yaml")
    found = machine.handed("server")
    assert "--disable=coredns" not in found
    assert "--flannel-backend=none" in found


def test_a_network_whose_images_are_missing_does_not_come(machine: Machine) -> None:
    machine.config("cni: cilium\n")
    assert "--flannel-backend=none" in machine.handed("server")


def test_the_programs_come_from_the_images(machine: Machine) -> None:
    machine.handed("agent")
    assert (machine.data / "bin").is_symlink()
    assert (machine.data / "bin/kubectl").readlink() == Path(vendor.ENGINE)
    assert len([*(machine.data / "data").iterdir()]) == 1
    machine.stage(OTHER)
    machine.handed("agent")
    assert "v1.33.1" in (machine.data / "bin" / vendor.ENGINE).read_text()


def test_without_images_nothing_starts(machine: Machine) -> None:
    for path in machine.images.iterdir():
        path.unlink()
    done = machine.run("agent")
    assert done.returncode == 1
    assert "failed to get image rancher/rke2-runtime:v1.32.1-rke2r1" in done.stderr


def test_images_of_another_version_are_refused(machine: Machine) -> None:
    before = {path: path.read_bytes() for path in machine.images.iterdir()}
    machine.stage(OTHER)
    for path, content in before.items():
        path.write_bytes(content)
    done = machine.run("server")
    assert done.returncode == 1
    assert "another version" in done.stderr


def test_subcommands_ask_the_servers_own_port(machine: Machine) -> None:
    assert machine.handed("etcd-snapshot", "save", "--name", "x") == [
        "etcd-snapshot",
        "save",
        "--etcd-server=https://127.0.0.1:9345",
        "--name",
        "x",
    ]
    assert "--server=https://127.0.0.1:9345" in machine.handed("token", "rotate", "--new-token", "x")
    assert "--server=https://127.0.0.1:9345" in machine.handed("secrets-encrypt", "status")


def test_a_restore_is_one_process_and_the_next_start_is_fresh(machine: Machine) -> None:
    mark = machine.data / "force-restart"
    found = machine.handed("server", "--cluster-reset", "--cluster-reset-restore-path=/x", "--etcd-s3=false")
    assert mark.exists()
    assert {"--disable-agent", "--supervisor-port=9345", "--apiserver-port=6443"} <= set(found)
    assert "--cluster-reset-restore-path=/x" in found
    assert "--disable-agent" not in machine.handed("server")
    assert not mark.exists()
    machine.handed("certificate", "rotate")
    assert mark.exists()


def test_it_says_what_it_is(machine: Machine) -> None:
    assert "stand-in" in machine.run("--version").stdout
