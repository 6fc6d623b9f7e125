"""Machines that exist, behind a bastion: from nothing to a cluster, and back to machines as they came."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.kubeconfig.paths import entry_name
from tests.e2e.lab import Lab, engine
from tests.e2e.machines import BASTION_USER, USER, Metal

pytestmark = [pytest.mark.timeout(900)]

CONTEXT = entry_name("e2emetal", "metal")
"""kubectl is never switched to a production cluster."""
SPEC = """\
apiVersion: kbootstrap/v1alpha1
name: e2emetal
clusters:
  metal:
    provider:
      ssh:
        bastion: {{host: {bastion}, user: {jump}}}
        known_hosts: {{file: ./known_hosts}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1}}
    ssh: {{user: {user}, private_key: {{file: ./key}}}}
    control_plane:
      hosts: [{{name: cp-1, address: {server}}}]
    pools:
      - name: workers
        labels: {{tier: work}}
        hosts: [{{name: w-1, address: {agent}, labels: {{disk: nvme}}}}]
"""

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
    found = Metal("kbe2emetal", 236, tmp_path_factory.mktemp("metal"))
    try:
        found.start()
        found.machine("cp-1", 11)
        found.machine("w-1", 21)
        yield found
    finally:
        found.stop()


@pytest.fixture
def site(metal: Metal) -> tuple[Lab, Path]:
    """A folder with the spec, the key and the right host keys; OpenTofu is not there."""
    lab = Lab(metal.folder, "/nowhere/tofu")
    (lab.folder / "known_hosts").write_text(metal.known_hosts())
    text = SPEC.format(
        bastion=metal.address(5),
        jump=BASTION_USER,
        user=USER,
        server=metal.address(11),
        agent=metal.address(21),
    )
    return lab, lab.spec(text)


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
    lab.run("apply", "-y", spec, timeout=500)
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
    assert "no state to lose" in lab.run("adopt", "-y", spec).stderr
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

    lab.run("apply", "-y", spec, timeout=500)
    lab.kubectl("config", "use-context", CONTEXT)
    assert lab.ready_nodes() == {"cp-1", "w-1"}
    assert lab.get("namespace", "kube-system")["metadata"]["uid"] != first
    assert "of-the-first" not in lab.kubectl("get", "configmap", "-o", "name")
    lab.run("destroy", "-y", spec)
    assert [metal.on(f"kbe2emetal-{name}", TRACES) for name in ("cp-1", "w-1")] == ["", ""]
    (lab.folder / "figures.json").write_text(json.dumps(took))
