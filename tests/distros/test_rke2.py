"""RKE2: what its versions have, what a spec may choose, and the scripts that nodes run."""

from __future__ import annotations

import os
import subprocess
import tarfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.distros import find, of
from kbootstrap.distros.requirements import Port, programs
from kbootstrap.distros.rke2 import minors, networks
from kbootstrap.spec.load import load
from tests.distros.samples import cluster

SPEC = """\
apiVersion: kbootstrap/v1alpha1
name: lab
clusters:
  main:
    provider: {local: {}}
    kubernetes: {KUBERNETES}
    network: {cidr: 10.9.0.0/16, control_plane: 10.9.0.0/24, agents: 10.9.4.0/22}
    control_plane: {nodes: 1}
"""


def names(version: str, **choices: Any) -> list[str]:  # noqa: ANN401
    """The archives of images, and nothing of their names but what differs."""
    chosen = of(cluster(distribution="rke2", version=version, **choices).kubernetes)
    found = [one.name for one in chosen.artifacts(version, "amd64")]
    assert found.pop(0) == "rke2.linux-amd64.tar.gz"
    return [one.removeprefix("rke2-images-").removesuffix(".linux-amd64.tar.zst") for one in found]


@pytest.mark.parametrize(
    ("version", "choices", "images"),
    [
        ("v1.32.1+rke2r1", {}, ["core", "canal"]),
        ("v1.32.1+rke2r1", {"cni": "cilium"}, ["core", "cilium"]),
        ("v1.32.1+rke2r1", {"cni": "none"}, ["core"]),
        ("v1.35.0+rke2r3", {"ingress_controller": "traefik"}, ["core", "canal", "traefik"]),
        ("v1.35.0+rke2r3", {"ingress_controller": "ingress-nginx"}, ["core", "canal"]),
        ("v1.36.1+rke2r2", {"ingress_controller": "traefik"}, ["core", "canal"]),
        ("v1.36.1+rke2r2", {"ingress_controller": "ingress-nginx"}, ["core", "canal", "ingress-nginx"]),
    ],
)
def test_the_images_that_a_choice_needs(version: str, choices: dict[str, str], images: list[str]) -> None:
    assert names(version, **choices) == images


def test_a_lock_file_pins_the_images_of_every_choice() -> None:
    release = find("rke2").release("v1.36.1+rke2r2", "arm64")
    assert release.files[0] == "rke2.linux-arm64.tar.gz"
    assert {*release.files, *release.others} == {
        "rke2.linux-arm64.tar.gz",
        *(
            f"rke2-images-{kind}.linux-arm64.tar.zst"
            for kind in ("core", "canal", "calico", "cilium", "flannel", "ingress-nginx")
        ),
    }
    assert not {*release.files} & {*release.others}


@pytest.mark.parametrize(
    ("old", "new", "unsafe"),
    [
        ("v1.33.6+rke2r1", "v1.34.1+rke2r1", True),
        ("v1.33.7+rke2r1", "v1.34.1+rke2r1", True),
        ("v1.33.7+rke2r3", "v1.34.1+rke2r1", False),
        ("v1.32.11+rke2r1", "v1.33.11+rke2r1", True),
        ("v1.32.11+rke2r3", "v1.33.11+rke2r1", False),
        ("v1.32.11+rke2r1", "v1.33.7+rke2r3", False),
        ("v1.33.6+rke2r1", "v1.33.11+rke2r1", True),
        ("v1.33.11+rke2r1", "v1.34.9+rke2r1", False),
        ("v1.34.1+rke2r1", "v1.35.1+rke2r1", False),
        ("v1.31.0+rke2r1", "v1.32.1+rke2r1", False),
    ],
)
def test_etcd_changes_to_3_6_only_from_a_safe_release(old: str, new: str, *, unsafe: bool) -> None:
    assert minors.unsafe_etcd(old, new) is unsafe
    assert (find("rke2").forbids(old, new) is not None) is unsafe
    assert find("k3s").forbids(old.replace("+rke2r", "+k3s"), new.replace("+rke2r", "+k3s")) is None


@pytest.mark.parametrize(
    ("version", "conditional"),
    [
        ("v1.31.8+rke2r1", False),
        ("v1.31.9+rke2r1", True),
        ("v1.32.4+rke2r1", False),
        ("v1.32.5+rke2r1", True),
        ("v1.33.0+rke2r1", False),
        ("v1.34.0+rke2r1", True),
        ("v1.40.0+rke2r1", True),
        ("v1.30.14+rke2r4", False),
    ],
)
def test_images_are_imported_once_from_may_2025_on(version: str, *, conditional: bool) -> None:
    assert minors.imports_conditionally(version) is conditional


def test_the_table_has_every_minor_once_in_order() -> None:
    numbers = [row.number for row in minors.MINORS]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert minors.of("v1.30.0+rke2r1") is None
    assert minors.of("v1.99.0+rke2r1") is minors.MINORS[-1]


@pytest.mark.parametrize(
    ("kubernetes", "at", "said"),
    [
        ("version: v1.30.2+rke2r1", "v1.30.2", "from v1.31 on"),
        ("version: v1.32.1+rke2r1, secrets_encryption: false", "false", "always encrypts"),
        ("version: v1.32.1+rke2r1, disable: [rke2-coredns, traefik]", "traefik", "ingress_controller"),
        ("version: v1.32.1+rke2r1, disable: [servicelb]", "servicelb", "does not enable it"),
        ("version: v1.32.1+rke2r1, disable: [metrics-server]", "metrics-server", "`rke2-metrics-server`"),
        ("version: v1.32.1+rke2r1, cni: flannel, profile: cis", "flannel", "does not enforce"),
        ("version: v1.37.0+rke2r1, ingress_controller: ingress-nginx", "ingress-nginx", "any more"),
    ],
)
def test_what_rke2_does_not_have_is_refused_at_its_line(
    tmp_path: Path, kubernetes: str, at: str, said: str
) -> None:
    problem = refused(tmp_path, f"distribution: rke2, {kubernetes}", at)
    assert said in f"{problem.reason} {problem.help}"


@pytest.mark.parametrize(
    ("kubernetes", "at"),
    [
        ("cni: cilium", "cilium"),
        ("cni: none", "none"),
        ("ingress_controller: traefik", "ingress_controller"),
        ("profile: cis, secrets_encryption: false", "false"),
    ],
)
def test_what_k3s_does_not_have_is_refused_at_its_line(tmp_path: Path, kubernetes: str, at: str) -> None:
    refused(tmp_path, f"distribution: k3s, version: v1.32.0+k3s1, {kubernetes}", at)


def refused(folder: Path, kubernetes: str, at: str) -> Diagnostic:
    path = folder / "spec.yaml"
    path.write_text(SPEC.replace("KUBERNETES", kubernetes))
    spec = load(path).spec
    assert spec is not None
    [one] = spec.clusters
    [problem] = of(one.kubernetes).validate(spec, one)
    assert problem.code == "KB0366"
    span = problem.span
    assert span is not None
    assert span.text[span.column - 1 :].startswith(at)
    return problem


@pytest.mark.parametrize(
    "kubernetes",
    [
        "version: v1.32.1+rke2r1",
        "version: v1.36.0+rke2r1, cni: calico, ingress_controller: ingress-nginx",
        "version: v1.31.0+rke2r1, cni: none, secrets_encryption: true, disable: [rke2-metrics-server]",
        "version: v1.38.0+rke2r1, ingress_controller: traefik",
    ],
)
def test_what_rke2_has(tmp_path: Path, kubernetes: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC.replace("KUBERNETES", f"distribution: rke2, {kubernetes}"))
    spec = load(path).spec
    assert spec is not None
    assert of(spec.clusters[0].kubernetes).validate(spec, spec.clusters[0]) == ()


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_a_network_says_what_it_needs_and_leaves(name: str) -> None:
    chosen = of(cluster(distribution="rke2", version="v1.32.1+rke2r1", cni=name).kubernetes)
    leftovers = chosen.network
    assert {*leftovers.first} <= {*leftovers.links}
    assert chosen.installs_network is (name != "none")
    between = [one for one in chosen.requirements("agent") if isinstance(one, Port) and one.protocol == "UDP"]
    assert len(between) == int(name != "none")
    needs_iptables = "iptables" in {one.name for one in programs(chosen.requirements("agent"))}
    assert needs_iptables is (name in ("canal", "flannel"))
    assert not leftovers.overlay or leftovers.overlay in leftovers.links


def test_only_ciliums_interfaces_go_before_its_programs_end() -> None:
    first = {name: one.leftovers.first for name, one in networks.NETWORKS.items()}
    assert {name for name, links in first.items() if links} == {"cilium"}
    assert "lxcbr0" not in first["cilium"]


def script(name: str, folder: Path) -> str:
    """A script of RKE2 with everything below a folder."""
    text = files("kbootstrap.distros.rke2").joinpath(name).read_text("utf-8")
    return text.replace("/var/lib/", f"{folder}/var/lib/").replace("/usr/local", f"{folder}/usr/local")


def tarball(folder: Path, program: str) -> Path:
    """A tarball with the vendor's layout."""
    made = folder / "made"
    for path, text in {
        "bin/rke2": program,
        "bin/rke2-killall.sh": "",
        "lib/systemd/system/rke2-server.service": "[Service]\n",
        "share/rke2/LICENSE.txt": "",
    }.items():
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text(text)
    (made / "bin/rke2").chmod(0o755)
    place = folder / "var/lib/kbootstrap/rke2.tar.gz"
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(".part")
    with tarfile.open(fresh, "w:gz") as archive:
        for name in ("bin", "lib", "share"):
            archive.add(made / name, name)
    fresh.rename(place)
    return place


def unpack(folder: Path) -> int:
    (folder / "usr/local").mkdir(parents=True, exist_ok=True)
    return subprocess.run(["sh", "-c", script("unpack.sh", folder)], check=False).returncode


def test_the_program_is_unpacked_without_the_vendors_units(tmp_path: Path) -> None:
    tarball(tmp_path, "#!/bin/sh\necho one\n")
    assert unpack(tmp_path) == 0
    place = tmp_path / "usr/local"
    assert subprocess.check_output([place / "bin/rke2"], text=True) == "one\n"
    assert (place / "bin/rke2-killall.sh").exists()
    assert (place / "share/rke2/LICENSE.txt").exists()
    assert not (place / "lib").exists()


def test_it_is_unpacked_again_only_when_the_tarball_is_another_one(tmp_path: Path) -> None:
    tarball(tmp_path, "one")
    assert unpack(tmp_path) == 0
    program = tmp_path / "usr/local/bin/rke2"
    before = program.stat().st_ino
    assert unpack(tmp_path) == 0
    assert program.stat().st_ino == before
    old = (tmp_path / "var/lib/kbootstrap/rke2.tar.gz").stat()
    other = tarball(tmp_path, "two")
    os.utime(other, (old.st_atime, old.st_mtime - 60))  # it was sent before the other one was unpacked
    assert unpack(tmp_path) == 0
    assert program.read_text() == "two"


def test_what_was_cut_or_damaged_is_unpacked_again(tmp_path: Path) -> None:
    place = tarball(tmp_path, "one")
    assert unpack(tmp_path) == 0
    program = tmp_path / "usr/local/bin/rke2"
    program.unlink()
    assert unpack(tmp_path) == 0
    assert program.exists()
    place.write_bytes(b"no tarball")
    assert unpack(tmp_path) != 0
    assert not (tmp_path / "var/lib/kbootstrap/rke2.unpacked").exists()
    place.unlink()
    assert unpack(tmp_path) != 0


def test_the_control_plane_ends_and_nothing_else(tmp_path: Path) -> None:
    """With other marks than a cgroup and a mount namespace: those of a pod need root."""
    text = find("rke2").halt.replace("/var/lib/", f"{tmp_path}/var/lib/")
    alone = text.replace(":/kubepods", ":").replace('= "$own"', '= ""')
    assert alone != text

    def pod(argument: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sh", "-c", "read line; true", argument], stdin=subprocess.PIPE)

    etcd, other = pod(f"--config-file={tmp_path}/var/lib/rancher/rke2/server/db/etcd/config"), pod("etcd")
    try:
        done = subprocess.run(["sh"], input=text.encode(), capture_output=True, check=False)
        assert (done.returncode, etcd.poll()) == (0, None)
        done = subprocess.run(["sh"], input=alone.encode(), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert etcd.wait(timeout=60) < 0
        assert other.poll() is None
    finally:
        for one in (etcd, other):
            one.kill()
            one.communicate()
    assert find("k3s").halt == ""
