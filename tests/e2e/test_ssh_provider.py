"""Machines that exist, behind a bastion: from nothing to a cluster, and back to machines as they came.

The tests run in the order of the file.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.kubeconfig.paths import entry_name
from tests.e2e.lab import Lab, engine, kill_now, voters, wait_for
from tests.e2e.machines import Metal

pytestmark = [pytest.mark.ordered]

CONTEXT = entry_name("e2emetal", "metal")
"""kubectl is never switched to a production cluster."""
POOL = "[{{name: workers, labels: {{tier: work}}, hosts: [{}]}}]"
HOSTS = {"cp-1": 11, "cp-2": 12, "cp-3": 13, "w-1": 21, "w-2": 22}
TRACES = """\
cd /etc/rancher && ls -d node k3s/*.yaml k3s/kbootstrap-* k3s/config.yaml.d/*-kbootstrap-[nj]* 2>/dev/null
ls -d /var/lib/rancher/k3s /var/lib/kubelet /var/lib/cni /var/lib/kbootstrap /run/k3s /run/flannel \
    /run/kbootstrap /usr/local/bin/k3s /etc/systemd/system/k3s*.service 2>/dev/null
grep -lsE '^(k3s|containerd)' /proc/[0-9]*/comm | sed 's/^/process /'
awk '$5 ~ /kubelet|k3s|cni-/ { print "mount", $5 }' /proc/self/mountinfo
ls /sys/class/net | grep -E '^(cni|flannel|veth)' | sed 's/^/interface /'
for kind in iptables ip6tables; do $kind-save 2>/dev/null | grep -E 'KUBE-|CNI-|FLANNEL-|flanneld'; done
ls /run/netns 2>/dev/null | sed 's/^/netns /'
true
"""
"""Prints what Kubernetes has left on a machine; nothing on one that is clean."""


@pytest.fixture(scope="module")
def metal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metal]:
    """A bastion and two machines behind it."""
    engine()
    found = Metal("kbe2emetal", tmp_path_factory.mktemp("metal"))
    try:
        found.start()
        for name in ("cp-1", "w-1"):
            found.machine(name, HOSTS[name])
        yield found
    finally:
        found.stop()


@pytest.fixture
def site(metal: Metal) -> tuple[Lab, Path]:
    """A folder with the spec, the key and the right host keys; OpenTofu is not there."""
    lab = metal.lab()
    return lab, lab.spec(spec_of(metal, "cp-1", "w-1"))


def spec_of(metal: Metal, *names: str) -> str:
    """Return the spec of a cluster on these machines."""
    more = {"w-1": ", labels: {disk: nvme}"}
    hosts = {
        name: f"{{name: {name}, address: {metal.address(HOSTS[name])}{more.get(name, '')}}}" for name in names
    }
    agents = ", ".join(text for name, text in hosts.items() if name.startswith("w"))
    return metal.spec(
        "e2emetal",
        "metal",
        servers=", ".join(text for name, text in hosts.items() if name.startswith("cp")),
        pools=POOL.format(agents) if agents else "[]",
    )


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

    good = (lab.folder / "known_hosts").read_text()
    bastion, server, agent = good.splitlines()
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


def test_apply_twice_destroy_and_apply_again(site: tuple[Lab, Path], metal: Metal) -> None:
    lab, spec = site
    took = {}
    begun = time.monotonic()
    lab.run("apply", "-y", spec)
    took["apply"] = time.monotonic() - begun
    lab.kubectl("config", "use-context", CONTEXT)
    assert lab.ready_nodes() == {"cp-1", "w-1"}
    assert lab.get("node", "w-1")["metadata"]["labels"].items() >= {"disk": "nvme", "tier": "work"}.items()

    begun = time.monotonic()
    assert "othing to do" in lab.run("apply", "-y", "--detailed-exitcode", spec).stderr
    took["second apply"] = time.monotonic() - begun
    assert "cp-1" in lab.run("status", spec).stdout
    assert lab.run("ssh", spec, "w-1", "--", "hostname").stdout.strip() == "kbe2emetal-w-1"
    assert "certificate-authority-data" in lab.run("kubeconfig", spec).stdout
    first = lab.get("namespace", "kube-system")["metadata"]["uid"]
    lab.kubectl("create", "configmap", "of-the-first", "--from-literal=a=b")

    # Nothing that is kept here is precious: there is no state, and host keys are the operator's.
    shutil.rmtree(lab.folder / ".kbootstrap")
    (lab.folder / "kubeconfig").unlink()
    assert "so it has no state" in lab.run("adopt", "-y", spec).stderr
    lab.run("apply", "-y", spec)
    lab.run("apply", "-y", "--detailed-exitcode", spec)
    lab.kubectl("config", "use-context", CONTEXT)
    assert "of-the-first" in lab.kubectl("get", "configmap", "-o", "name")

    # A machine with another cluster's claim is none of ours, whatever the spec says.
    metal.on("kbe2emetal-w-1", "sed -i 's/^cluster metal$/cluster other/' /var/lib/kbootstrap/stamp")
    begun = time.monotonic()
    lab.run("destroy", "-y", spec)
    took["destroy"] = time.monotonic() - begun
    assert metal.on("kbe2emetal-cp-1", TRACES) == ""
    assert "process" in metal.on("kbe2emetal-w-1", TRACES)
    metal.on("kbe2emetal-w-1", "sed -i 's/^cluster other$/cluster metal/' /var/lib/kbootstrap/stamp")
    lab.run("destroy", "-y", spec)
    assert metal.on("kbe2emetal-w-1", TRACES) == ""
    assert CONTEXT not in lab.kubectl("config", "get-contexts", "-o", "name")

    lab.run("apply", "-y", spec)
    lab.kubectl("config", "use-context", CONTEXT)
    assert lab.ready_nodes() == {"cp-1", "w-1"}
    assert lab.get("namespace", "kube-system")["metadata"]["uid"] != first
    assert "of-the-first" not in lab.kubectl("get", "configmap", "-o", "name")
    (lab.folder / "figures.json").write_text(json.dumps(took))


def traces(metal: Metal, *names: str) -> list[str]:
    return [metal.on(f"{metal.name}-{name}", TRACES) for name in names]


def test_hosts_come_and_go(metal: Metal, tmp_path: Path) -> None:
    """From one server to three and back to another one, from a folder that knows nothing of them.

    The run that takes them out is killed in the middle.
    """
    lab = Lab(metal.folder, "/nowhere/tofu")
    for name in ("cp-2", "cp-3", "w-2"):
        metal.machine(name, HOSTS[name])
    known = metal.known_hosts()
    (lab.folder / "known_hosts").write_text(known)
    lab.run("apply", "-y", lab.spec(spec_of(metal, *HOSTS)))
    assert lab.ready_nodes() == {*HOSTS}
    wait_for("three voters", lambda: voters(lab) == 3)

    other = Lab(tmp_path, "/nowhere/tofu")
    (tmp_path / "known_hosts").write_text(known)
    shutil.copy(metal.key, tmp_path / "key")
    spec = other.spec(spec_of(metal, "cp-2", "w-1"))
    shown = other.run("plan", "--detailed-exitcode", spec, code=2).stderr
    assert "remove Kubernetes from the machine" in shown
    (lab.folder / "plan.txt").write_text(shown)
    begun = time.monotonic()
    process = other.start("apply", "-y", spec)
    here = "/usr/local/bin/k3s kubectl get node -o name"
    wait_for("one server has left", lambda: "cp-1" not in metal.on(f"{metal.name}-cp-2", here))
    kill_now(process)
    other.run("apply", "-y", spec)
    (lab.folder / "removal.json").write_text(json.dumps({"removal": time.monotonic() - begun}))
    other.kubectl("config", "use-context", CONTEXT)
    assert other.ready_nodes() == {"cp-2", "w-1"}
    wait_for("one voter", lambda: voters(other) == 1)
    secrets = other.kubectl("-n", "kube-system", "get", "secret", "-o", "name")
    assert [n for n in HOSTS if f"/{n}.node-password" in secrets] == ["cp-2", "w-1"]
    assert traces(metal, "cp-1", "cp-3", "w-2") == ["", "", ""]
    assert "othing to do" in other.run("apply", "-y", "--detailed-exitcode", spec).stderr


@pytest.mark.full
def test_a_dead_host_leaves_and_is_cleaned_when_it_comes_back(metal: Metal) -> None:
    lab = Lab(metal.folder, "/nowhere/tofu")
    lab.run("kubeconfig", "--merge", lab.spec(spec_of(metal, "cp-2", "w-1")))
    spec = lab.spec(spec_of(metal, "cp-2"))
    subprocess.run([engine(), "kill", f"{metal.name}-w-1"], capture_output=True, check=True)
    assert "KB0652" in lab.run("apply", "-y", spec, code=8).stderr, "it seems to run still"
    wait_for("w-1 is seen to be dead", lambda: lab.ready_nodes() == {"cp-2"})
    said = lab.run("apply", "-y", spec).stderr
    assert "KB0653" in said
    assert "w-1" not in lab.kubectl("get", "nodes", "-o", "name")
    assert "othing to do" in lab.run("apply", "-y", "--detailed-exitcode", spec).stderr

    subprocess.run([engine(), "start", f"{metal.name}-w-1"], capture_output=True, check=True)
    wait_for("w-1 joined again", lambda: "w-1" in lab.ready_nodes())
    lab.run("apply", "-y", spec)
    assert lab.ready_nodes() == {"cp-2"}
    lab.run("destroy", "-y", spec)
    assert traces(metal, "cp-2", "w-1") == ["", ""]
