"""A cluster that lives: another version, new machines, fewer nodes, while somebody works with it.

The tests run in the order of the file. Figures that people ask for are printed: `pytest -rP` shows them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab import Lab, engine, kill_now, need, program, voters, wait_for
from tests.e2e.prober import Probe, probing
from tests.e2e.workloads import BOX

pytestmark = [pytest.mark.timeout(1200)]
C = "e2eday"
OLD, NEW = "v1.31.0+k3s1", "v1.32.0+k3s1"
S1, S2, S3 = (f"{C}-control-plane-{n}" for n in (1, 2, 3))
W1, W2, W3 = (f"{C}-web-{n}" for n in (1, 2, 3))
SPEC = f"""\
apiVersion: kbootstrap/v1alpha1
name: e2e
clusters:
  {C}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: {OLD}}}
    network: {{cidr: 10.237.0.0/16, control_plane: 10.237.0.0/24, agents: 10.237.4.0/22}}
    control_plane: {{nodes: 3}}
    pools:
      - {{name: web, nodes: 2}}
"""
SHOP = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: shop
          image: {BOX}
          imagePullPolicy: Never
          command: ["sh", "-c", "trap exit TERM; while true; do sleep 1; done"]
"""
BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shop}
spec:
  minAvailable: 2
  selector: {matchLabels: {app: shop}}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Three servers and two agents of the older version, with a workload and some data."""
    engine()
    tofu = program("tofu")
    need(tofu, "tofu is not installed")
    lab = Lab(tmp_path_factory.mktemp("day"), str(tofu))
    lab.extra["KBOOTSTRAP_TOFU"] = str(tofu)
    spec = lab.spec(SPEC)
    try:
        lab.run(
            "apply", "-y", spec, timeout=1100
        )  # where no release server is, the older version is built now
        lab.kubectl("create", "configmap", "kept", "--from-literal=since=the-beginning")
        lab.kubectl("apply", "-f", "-", stdin=SHOP)
        lab.kubectl("rollout", "status", "deploy/shop", "--timeout=60s")
        yield lab
    finally:
        lab.run("destroy", "-y", spec)


def write(lab: Lab, old: str, new: str) -> Path:
    """Edit the spec as an operator does."""
    text = (lab.folder / "spec.yaml").read_text()
    assert old in text
    return lab.spec(text.replace(old, new))


def settled(lab: Lab) -> None:
    """Nothing is left to do, the data of the beginning is there, and it is one cluster."""
    lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert lab.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.since}") == "the-beginning"
    assert all(not node["spec"].get("unschedulable") for node in lab.get("nodes")["items"])


def versions(lab: Lab) -> dict[str, str]:
    return {
        node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"]
        for node in lab.get("nodes")["items"]
    }


def machine(lab: Lab, node: str) -> str:
    """The identity of a machine: a new one has another."""
    return lab.on_node(node, "cat /etc/machine-id; stat -c %W /").strip()


def tell(what: str, begun: float, probe: Probe) -> None:
    sys.stdout.write(
        f"{what}: {time.monotonic() - begun:.0f} s; the client had {probe.answered} answers, "
        f"{len(probe.failed)} failures, and waited {probe.longest:.1f} s at most; {probe.failed[:3]}\n"
    )


def own(lab: Lab) -> Path:
    return lab.folder / ".kbootstrap" / f"{C}.run" / "kubeconfig"


def test_versions_that_must_not_be(cluster: Lab) -> None:
    for wrong, why in (("v1.33.0+k3s1", "never skips a minor version"), ("v1.30.0+k3s1", "does not go back")):
        spec = write(cluster, OLD, wrong)
        done = cluster.run("apply", "-y", spec, code=8)
        assert why in " ".join(done.stderr.split())
        assert "KB0809" in done.stderr
        write(cluster, wrong, OLD)
    settled(cluster)


def test_an_upgrade(cluster: Lab) -> None:
    spec, begun = write(cluster, OLD, NEW), time.monotonic()
    with probing(own(cluster), cluster.folder) as probe:
        done = cluster.run("apply", "-y", spec, timeout=900)
    tell("upgrade of 5 nodes", begun, probe)
    assert versions(cluster) == dict.fromkeys((S1, S2, S3, W1, W2), NEW)
    restarts = re.findall(r"\] (\S+): restart \S+: done", done.stderr)
    assert restarts[:3] == [S1, S2, S3]
    assert sorted(restarts[3:]) == [W1, W2]
    assert cluster.on_node(S1, "ls /var/lib/rancher/k3s/server/db/snapshots | grep -c ^before-v1.32.0") == "1"
    assert probe.longest < 30
    settled(cluster)


def test_an_agent_gets_a_new_machine(cluster: Lab) -> None:
    before, begun = machine(cluster, W1), time.monotonic()
    with probing(own(cluster), cluster.folder) as probe:
        cluster.run("replace", "-y", "spec.yaml", W1)
    tell("replacement of an agent", begun, probe)
    assert machine(cluster, W1) != before
    assert probe.failed == []
    assert cluster.ready_nodes() == {S1, S2, S3, W1, W2}
    cluster.kubectl("rollout", "status", "deploy/shop", "--timeout=10s")
    settled(cluster)


def test_the_first_server_gets_a_new_machine(cluster: Lab) -> None:
    before, begun = machine(cluster, S1), time.monotonic()
    with probing(own(cluster), cluster.folder) as probe:
        cluster.run("replace", "-y", "spec.yaml", S1)
    tell("replacement of the first server", begun, probe)
    assert machine(cluster, S1) != before
    assert probe.longest < 30
    wait_for("three voters", lambda: voters(cluster) == 3, seconds=60)
    settled(cluster)


def test_a_dead_machine_is_replaced(cluster: Lab) -> None:
    before = machine(cluster, W2)
    subprocess.run([engine(), "pause", W2], check=True, capture_output=True)
    cluster.run("replace", "-y", "spec.yaml", W2)
    assert machine(cluster, W2) != before
    settled(cluster)


@pytest.mark.parametrize(
    "moment",
    ["drain the node", "stop k3s-agent.service", "delete module.pool_web", "start k3s-agent.service"],
)
def test_killed_while_a_node_gets_a_new_machine(cluster: Lab, moment: str) -> None:
    """Wherever it is cut, apply makes the node well: with the old machine, or with a new one."""
    process = cluster.start("replace", "-y", "spec.yaml", W1)
    said = cluster.folder / "started.err"
    wait_for(moment, lambda: f"{W1}: {moment}" in said.read_text() or process.poll() is not None, seconds=120)
    assert process.poll() is None, said.read_text()
    kill_now(process)
    cluster.run("apply", "-y", "spec.yaml")
    assert cluster.ready_nodes() == {S1, S2, S3, W1, W2}
    settled(cluster)


def test_a_budget_stops_a_removal(cluster: Lab) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=BUDGET)
    spec = write(cluster, "web, nodes: 2", "web, nodes: 1")
    # Its pods are the ones of the shop: the servers take them where nobody else is left.
    cluster.kubectl("cordon", S1, S2, S3, W1)
    cluster.kubectl("rollout", "restart", "deploy/shop")
    try:
        wait_for("a pod on the node that goes", lambda: _on(cluster, W2), seconds=60)
        done = cluster.run("apply", "-y", "--drain-timeout", "8", spec, code=9)
        assert "KB0851" in done.stderr
        assert "default/shop-" in done.stderr
        assert "disruption budget" in done.stderr
        assert not cluster.get("node", W2)["spec"].get("unschedulable")
        assert cluster.ready_nodes() == {S1, S2, S3, W1, W2}
    finally:
        cluster.kubectl("uncordon", S1, S2, S3, W1)
        cluster.kubectl("delete", "pdb", "shop")


def test_fewer_agents(cluster: Lab) -> None:
    cluster.run("apply", "-y", "spec.yaml")
    assert cluster.ready_nodes() == {S1, S2, S3, W1}
    assert W2 not in _machines()
    secrets = cluster.kubectl("get", "secrets", "-n", "kube-system", "-o", "name")
    assert f"{W2}.node-password" not in secrets
    settled(cluster)


def test_fewer_servers_and_more_again(cluster: Lab) -> None:
    spec = write(cluster, "control_plane: {nodes: 3}", "control_plane: {nodes: 1}")
    begun = time.monotonic()
    with probing(own(cluster), cluster.folder) as probe:
        cluster.run("apply", "-y", spec)
    tell("3 servers to 1", begun, probe)
    assert cluster.ready_nodes() == {S1, W1}
    assert voters(cluster) == 1
    settled(cluster)
    refused = cluster.run("replace", "-y", "spec.yaml", S1, code=8)
    assert "KB0854" in refused.stderr
    spec = write(cluster, "control_plane: {nodes: 1}", "control_plane: {nodes: 3}")
    cluster.run("apply", "-y", spec)
    wait_for("three voters", lambda: voters(cluster) == 3, seconds=60)
    settled(cluster)


def test_a_pool_goes_when_another_one_is_there(cluster: Lab) -> None:
    spec = write(cluster, "name: web, nodes: 1", "name: shop, nodes: 1")
    cluster.run("apply", "-y", spec)
    assert cluster.ready_nodes() == {S1, S2, S3, f"{C}-shop-1"}
    assert W1 not in _machines()
    cluster.kubectl("rollout", "status", "deploy/shop", "--timeout=30s")
    settled(cluster)


def _machines() -> list[str]:
    listed = [engine(), "ps", "--all", "--format", "{{.Names}}"]
    return subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()


def _on(lab: Lab, node: str) -> bool:
    pods = json.loads(lab.kubectl("get", "pods", "-l", "app=shop", "-o", "json"))["items"]
    return any(
        pod["spec"].get("nodeName") == node and "deletionTimestamp" not in pod["metadata"] for pod in pods
    )
