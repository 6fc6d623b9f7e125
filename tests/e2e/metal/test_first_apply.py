"""Before the first apply, and the first apply: host keys, paths that firewalls close, interfaces of machines.

The tests run in the order of the file. The last one leaves a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.firewall import Rule, refused
from tests.e2e.lab import Lab, wait_for
from tests.e2e.machines import Metal
from tests.e2e.metal.names import AGENT, FIRST, SERVER, no_pods, nodes

pytestmark = [pytest.mark.ordered]
API = "-p tcp --dport 6443"


@pytest.fixture(scope="module", autouse=True)
def opened(metal: Metal) -> Iterator[None]:
    """No rule of this module is left for the next one, also when a test fails."""
    yield
    metal.on(SERVER, no_api(metal).reopen_if_closed)
    metal.on(AGENT, no_pods(metal).reopen_if_closed)


def no_api(metal: Metal) -> Rule:
    """Return the rule of the server's firewall that refuses the agent's connections to the API."""
    return refused(f"-s {metal.address(21)} {API}")


def test_doctor_plan_and_host_keys(site: tuple[Lab, Path]) -> None:
    lab, spec = site
    said = lab.run("doctor", spec).stdout
    assert "cp-1" in said
    assert "commands run as root" in said
    assert "OpenTofu" not in said

    shown = lab.run("plan", "--detailed-exitcode", spec, code=2).stderr
    assert "start k3s.service" in shown
    assert "Infrastructure" not in shown
    assert "steps on 2 nodes" in lab.run("plan", "-o", "markdown", spec).stdout

    bastion, server, agent, _ = (lab.folder / "known_hosts").read_text().splitlines()
    swapped = f"{bastion}\n{server.split()[0]} {' '.join(agent.split()[1:])}\n{agent}\n"
    (lab.folder / "known_hosts").write_text(swapped)
    wrong = lab.run("plan", spec, code=7).stderr
    assert "cp-1" in wrong
    assert "KB0702" in wrong
    (lab.folder / "known_hosts").write_text(f"{server}\n{agent}\n")
    assert "metal-bastion" in lab.run("plan", spec, code=5).stderr
    false_bastion = f"{bastion.split()[0]} {' '.join(agent.split()[1:])}\n{server}\n{agent}\n"
    (lab.folder / "known_hosts").write_text(false_bastion)
    assert "bastion" in lab.run("apply", "-y", spec, code=7).stderr


def test_doctor_tries_the_paths_before_anything_listens(site: tuple[Lab, Path], metal: Metal) -> None:
    lab, spec = site
    said = " ".join(lab.run("doctor", spec).stdout.split())
    assert "UDP 8472" in said
    assert "is closed for" not in said
    assert "was not probed" not in said
    metal.on(SERVER, no_api(metal).close)
    metal.on(AGENT, no_pods(metal).close)
    said = " ".join(lab.run("doctor", spec, code=5).stdout.split())
    assert "TCP 6443 (the Kubernetes API; nodes join through it) is closed for w-1" in said
    assert "UDP 8472 (network of the pods" in said
    assert "is closed for cp-1: no answer" in said
    metal.on(AGENT, no_pods(metal).reopen)
    assert metal.on(SERVER, "pgrep -c '^(perl|python3)' || true") == "0"


def test_a_closed_way_to_the_api_ends_the_run_before_the_wait(site: tuple[Lab, Path], metal: Metal) -> None:
    lab, spec = site
    said = " ".join(lab.run("apply", "-y", spec, code=8).stderr.split())
    assert "KB0839" in said
    assert f"w-1 does not reach TCP 6443 of cp-1, {metal.address(11)}" in said
    assert "the connection is refused, although cp-1 listens on it" in said
    assert "inactive" in metal.on(AGENT, "systemctl is-active k3s-agent || true")
    metal.on(SERVER, no_api(metal).reopen)
    lab.run("apply", "-y", spec)
    assert nodes(lab) == {*FIRST}
    assert lab.get("node", "w-1")["metadata"]["labels"].items() >= {"disk": "nvme", "tier": "work"}.items()


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
