"""Machines with two interfaces, and firewalls between them. The tests run in the order of the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab import Lab, engine, wait_for
from tests.e2e.machines import Metal

pytestmark = [pytest.mark.ordered]

SERVER, AGENT = "kbe2epaths-cp-1", "kbe2epaths-w-1"
API = "-p tcp --dport 6443 -j REJECT"
PODS = "-p udp --dport 8472 -j DROP"


@pytest.fixture(scope="module")
def metal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metal]:
    """A bastion, a server and an agent; the default route leads through a network that drops UDP 8472."""
    engine()
    found = Metal("kbe2epaths", tmp_path_factory.mktemp("paths"))
    try:
        found.start()
        found.outside()
        for name, host in (("cp-1", 11), ("w-1", 21)):
            container = found.machine(name, host)
            found.connect(container, host)
            found.on(container, f"iptables -I INPUT -d {found.other}.0.0/24 {PODS}")
        yield found
    finally:
        found.stop()


@pytest.fixture
def site(metal: Metal) -> tuple[Lab, Path]:
    lab = metal.lab()
    servers = f"{{name: cp-1, address: {metal.address(11)}}}"
    pools = f"[{{name: workers, hosts: [{{name: w-1, address: {metal.address(21)}}}]}}]"
    return lab, lab.spec(metal.spec("e2epaths", "paths", servers=servers, pools=pools))


def test_doctor_tries_the_paths_before_anything_listens(site: tuple[Lab, Path], metal: Metal) -> None:
    lab, spec = site
    said = " ".join(lab.run("doctor", spec).stdout.split())
    assert "UDP 8472" in said
    assert "is closed for" not in said
    assert "was not probed" not in said
    metal.on(SERVER, f"iptables -I INPUT -s {metal.address(21)} {API}")
    metal.on(AGENT, f"iptables -I INPUT -d {metal.address(21)} {PODS}")
    said = " ".join(lab.run("doctor", spec, code=5).stdout.split())
    assert "TCP 6443 (the Kubernetes API; nodes join through it) is closed for w-1" in said
    assert "UDP 8472 (network of the pods" in said
    assert "is closed for cp-1: no answer" in said
    metal.on(AGENT, f"iptables -D INPUT -d {metal.address(21)} {PODS}")
    assert metal.on(SERVER, "pgrep -c '^(perl|python3)' || true") == "0"


def test_a_closed_way_to_the_api_ends_the_run_before_the_wait(site: tuple[Lab, Path], metal: Metal) -> None:
    lab, spec = site
    said = " ".join(lab.run("apply", "-y", spec, code=8).stderr.split())
    assert "KB0839" in said
    assert f"w-1 does not reach TCP 6443 of cp-1, {metal.address(11)}" in said
    assert "the connection is refused, although cp-1 listens on it" in said
    assert "inactive" in metal.on(AGENT, "systemctl is-active k3s-agent || true")
    metal.on(SERVER, f"iptables -D INPUT -s {metal.address(21)} {API}")
    lab.run("apply", "-y", spec)
    assert lab.ready_nodes() == {"cp-1", "w-1"}


def test_pods_use_the_interface_of_the_address(site: tuple[Lab, Path], metal: Metal) -> None:
    lab, spec = site
    for container, host in ((SERVER, 11), (AGENT, 21)):
        address = metal.address(host)
        assert f" local {address} dev " in metal.on(container, "ip -d link show flannel.1")
        default = metal.on(container, "awk '$2 == \"00000000\" { print $1; exit }' /proc/net/route")
        kept = metal.on(container, "cat /etc/rancher/k3s/config.yaml.d/30-kbootstrap-network.yaml")
        assert "flannel-iface: " in kept
        assert f"flannel-iface: {default}\n" not in f"{kept}\n"
    wait_for("status is good", lambda: "2 of 2 nodes Ready" in lab.run("status", spec).stdout)
    assert "othing to do" in lab.run("apply", "-y", "--detailed-exitcode", spec).stderr


def test_status_and_doctor_notice_pods_that_cannot_talk(site: tuple[Lab, Path], metal: Metal) -> None:
    lab, spec = site
    metal.on(AGENT, f"iptables -I INPUT -d {metal.address(21)} {PODS}")

    def noticed() -> bool:
        said = " ".join(lab.run("status", spec, code=1).stdout.split())
        assert "w-1 does not answer cp-1 through the network of the pods" in said
        return True

    wait_for("the services have run for a while", noticed)
    assert "w-1 does not answer cp-1" in " ".join(lab.run("doctor", spec, code=None).stdout.split())
    metal.on(AGENT, f"iptables -D INPUT -d {metal.address(21)} {PODS}")
    wait_for("it answers again", lambda: "does not answer" not in lab.run("status", spec, code=None).stdout)
    lab.run("status", spec)
    lab.run("destroy", "-y", spec)
