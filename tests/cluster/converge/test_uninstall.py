"""When Kubernetes is taken off a machine, and when that is left alone; the rest needs a real machine."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from kbootstrap import distros
from kbootstrap.cluster.converge.uninstall import script, uninstall
from kbootstrap.cluster.deadlines import UNINSTALL
from kbootstrap.core.errors import InstallFailed
from kbootstrap.distros.k3s import K3s
from kbootstrap.distros.model import Distribution
from tests.distros.samples import cluster
from tests.hosts.fake import FakeHost, Run, output


def below(folder: Path) -> Distribution:
    """Return a k3s all of whose paths are in a folder of the test."""
    plain = distros.find("k3s")
    moved = {name: f"{folder}{getattr(plain.paths, name)}" for name in plain.paths.__slots__}
    return cast("Distribution", K3s(paths=replace(plain.paths, **moved)))


def verdict(distro: Distribution, cluster: str | None) -> str:
    """Run the script as this user; only for machines on which it changes nothing."""
    done = subprocess.run(
        ["sh", "-c", script(distro, cluster)], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()


def test_a_machine_with_nothing_is_blank(tmp_path: Path) -> None:
    assert verdict(below(tmp_path), "main") == "kbootstrap-uninstall unprovisioned"


@pytest.mark.parametrize("trace", ["binary", "config", "etcd"])
def test_an_installation_that_is_not_ours_is_left_alone(tmp_path: Path, trace: str) -> None:
    distro = below(tmp_path)
    place = Path(getattr(distro.paths, trace))
    place.parent.mkdir(parents=True)
    place.write_text("theirs")
    assert verdict(distro, None) == "kbootstrap-uninstall foreign"
    assert place.read_text() == "theirs"


def test_another_cluster_of_ours_is_left_alone(tmp_path: Path) -> None:
    distro = below(tmp_path)
    stamp, binary = Path(distro.paths.stamp), Path(distro.paths.binary)
    for place in (stamp, binary):
        place.parent.mkdir(parents=True)
    stamp.write_text(f"cluster main-2\nfile {binary}\n")
    binary.write_text("k3s")
    assert verdict(distro, "main") == "kbootstrap-uninstall foreign"
    assert binary.read_text() == "k3s"


@pytest.mark.parametrize("name", ["k3s", "rke2"])
def test_the_shell_understands_it(name: str) -> None:
    text = script(distros.find(name), "main")
    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0
    assert f"data=/var/lib/rancher/{name}\n" in text


async def test_what_stays_is_an_error_with_the_reason() -> None:
    host = FakeHost("w-1", lambda _: output(status=1, stderr="still mounted: /var/lib/kubelet/x"))
    with pytest.raises(InstallFailed, match="w-1") as caught:
        await uninstall(host, distros.find("k3s"), "main")
    assert (caught.value.code, caught.value.host) == ("KB0828", "w-1")
    assert "still mounted" in (caught.value.detail or "")


async def test_a_truncated_answer_is_not_a_success() -> None:
    with pytest.raises(InstallFailed):
        await uninstall(FakeHost("w-1", lambda _: output("kbootstrap-unin")), distros.find("k3s"))


@pytest.mark.parametrize("word", ["removed", "unprovisioned", "foreign"])
async def test_the_verdict_is_returned(word: str) -> None:
    host = FakeHost("w-1", lambda _: output(f"something else\nkbootstrap-uninstall {word}\n"))
    assert await uninstall(host, distros.find("k3s"), "main") == word
    (call,) = host.calls
    assert isinstance(call, Run)
    assert call.deadline == UNINSTALL


def test_what_a_network_leaves_is_in_the_script() -> None:
    cilium = distros.of(cluster(distribution="rke2", version="v1.32.1+rke2r1", cni="cilium").kubernetes)
    text = script(cilium, "main")
    assert "first='cilium_host cilium_net cilium_vxlan cilium_wg0'\n" in text
    assert "/sys/fs/bpf/cilium" in text
    assert "lxcbr0" not in text
    assert "run=/run/k3s\n" in text
    assert "/usr/local/bin/rke2-killall.sh" in text
    assert "first=''\n" in script(distros.find("k3s"), "main")


def test_patterns_of_interfaces_are_no_files_of_the_current_folder(tmp_path: Path) -> None:
    """The function alone, as the whole script changes the machine."""
    text = script(distros.find("rke2"), "main").replace("/sys/class/net", f"{tmp_path}/net")
    body = text[text.index("interfaces() {") : text.index("if command -v ip")]
    for name in ("cali123", "flannel.1", "eth0"):
        (tmp_path / "net" / name).mkdir(parents=True)
    (tmp_path / "cali-notes").write_text("")
    run = f"links='flannel.1 cni0' globs='cali*'\n{body}\ninterfaces"
    done = subprocess.run(["sh", "-c", run], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["flannel.1", "cali123"]


def test_what_the_provider_has_in_run_stays(tmp_path: Path) -> None:
    """The name servers of a node in a container: a machine that becomes a node again needs them."""
    ours, rules = ("lease", "lease.lock", "restart", "updates.log"), tmp_path / "ran"
    for name in (*ours, "resolv.conf"):
        (tmp_path / name).write_text("x")
    (tmp_path / "hand-over").write_text(f"touch {rules}\n")
    text = script(distros.find("k3s"))
    define = text[text.index("sweep_run() {") : text.index("\n}\n", text.index("sweep_run() {")) + 3]
    assert 'sweep_run "$volatile"' in text
    assert "\nvolatile=/run/kbootstrap\n" in text
    run = ["sh", "-c", f"{define}sweep_run {tmp_path}"]
    subprocess.run(run, check=True, timeout=20)
    assert rules.exists(), "the rules of a hand-over are taken back"
    rules.unlink()
    assert [path.name for path in tmp_path.iterdir()] == ["resolv.conf"]
    (tmp_path / "resolv.conf").unlink()
    subprocess.run(run, check=True, timeout=20)
    assert not tmp_path.exists()
    subprocess.run(run, check=True, timeout=20)
