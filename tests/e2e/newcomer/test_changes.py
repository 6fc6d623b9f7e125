"""The spec changes and the cluster follows; in the order of the file."""

from __future__ import annotations

import subprocess

import pytest

from tests.e2e.lab import Lab, engine, wait_for
from tests.e2e.newcomer.names import AGENT, AGENT_2, POOL, RENAMED, SERVER, C, container_id, plain, status

pytestmark = [pytest.mark.ordered]
SPEC = plain


@pytest.mark.full
def test_labels_and_taints_follow_the_spec(cluster: Lab) -> None:
    """In a usual run labels do in `test_plan.py`, and the unit tests have which ones are removed."""
    spec = cluster.folder / "spec.yaml"
    plain = spec.read_text()
    assert POOL in plain
    cluster.kubectl("label", "node", AGENT, "by-hand=kept")
    wanted = POOL + '        labels: {tier: web}\n        taints: ["a=b:NoSchedule"]\n'
    cluster.spec(plain.replace(POOL, wanted, 1))
    planned = cluster.run("plan", "--detailed-exitcode", spec, code=2)
    assert "set labels and taints" in planned.stderr
    cluster.run("apply", "-y", spec)
    node = cluster.get("node", AGENT)
    assert node["metadata"]["labels"]["tier"] == "web"
    assert {"key": "a", "value": "b", "effect": "NoSchedule"} in node["spec"]["taints"]

    cluster.spec(plain)
    cluster.run("apply", "-y", spec)
    node = cluster.get("node", AGENT)
    assert "tier" not in node["metadata"]["labels"]
    assert node["metadata"]["labels"]["by-hand"] == "kept"
    assert not node["spec"].get("taints")
    cluster.run("apply", "-y", "--detailed-exitcode", spec)


def test_removing_a_pool_is_shown_before(cluster: Lab) -> None:
    """What really happens then: `day_two/test_sizes.py`."""
    spec = cluster.folder / "spec.yaml"
    plain = spec.read_text()
    cluster.spec(plain.replace("    pools:\n" + POOL, "    pools: []\n").replace(POOL, ""))
    try:
        done = cluster.run("plan", "--detailed-exitcode", spec, code=2)
        assert f"{AGENT}  leaves" in done.stderr
        assert "drain the node" in done.stderr
        assert "1 node" in done.stderr
        assert cluster.ready_nodes() == {SERVER, AGENT}
    finally:
        cluster.spec(plain)


@pytest.mark.full
def test_a_node_removed_by_hand_comes_back(cluster: Lab) -> None:
    """In a usual run a stopped one does (`one_server/test_ssh.py`), and a deleted machine in the cloud."""
    subprocess.run([engine(), "rm", "-f", "-v", AGENT], capture_output=True, check=True)
    missing = next(node for node in status(cluster, code=1)["nodes"] if node["name"] == AGENT)
    assert (missing["reachable"], missing["drift"][0]["kind"]) == (False, "infrastructure")
    planned = cluster.run("plan", "--detailed-exitcode", "spec.yaml", code=2)
    assert AGENT in planned.stderr
    cluster.run("apply", "-y", "spec.yaml")
    wait_for("the node is back", lambda: AGENT in cluster.ready_nodes())
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def test_a_pool_grows_and_others_stay(cluster: Lab) -> None:
    spec = cluster.folder / "spec.yaml"
    started = "systemctl show -p ExecMainStartTimestampMonotonic k3s.service k3s-agent.service"
    before = [cluster.on_node(node, started) for node in (SERVER, AGENT)]
    cluster.spec(spec.read_text().replace(POOL, POOL.replace("nodes: 1", "nodes: 2"), 1))
    planned = cluster.run("plan", "--detailed-exitcode", spec, code=2)
    assert AGENT_2 in planned.stderr
    cluster.run("apply", "-y", spec)
    assert cluster.ready_nodes() == {SERVER, AGENT, AGENT_2}
    assert [cluster.on_node(node, started) for node in (SERVER, AGENT)] == before
    cluster.run("apply", "-y", "--detailed-exitcode", spec)


def test_a_renamed_pool_keeps_its_machines(cluster: Lab) -> None:
    """`renamed_from` on a whole cluster: the state moves, and nothing happens to containers and nodes."""
    spec, nodes = cluster.folder / "spec.yaml", (SERVER, AGENT, AGENT_2)
    started = "systemctl show -p ExecMainStartTimestampMonotonic k3s.service k3s-agent.service"

    def seen() -> list[tuple[str, str, str]]:
        uid = {item["metadata"]["name"]: item["metadata"]["uid"] for item in cluster.get("nodes")["items"]}
        return [(container_id(name), cluster.on_node(name, started), uid[name]) for name in nodes]

    before = seen()
    cluster.spec(spec.read_text().replace(POOL.replace("1", "2"), RENAMED, 1))
    planned = cluster.run("plan", "--detailed-exitcode", spec, code=2)
    assert "module.pool_default becomes module.pool_workers" in planned.stderr
    assert "Plan: 1 to rename" in planned.stderr
    cluster.run("apply", "-y", spec)
    assert seen() == before
    assert cluster.ready_nodes() == set(nodes)
    assert (cluster.folder / ".kbootstrap" / C / "pool_workers.tf").exists()
    assert not (cluster.folder / ".kbootstrap" / C / "pool_default.tf").exists()
    again = cluster.run("apply", "-y", "--detailed-exitcode", spec)
    assert "nothing to do" in again.stderr.lower()
