"""Fewer nodes, more nodes, other pools; in the order of the file. The last one leaves what `OTHERS` has."""

from __future__ import annotations

import json
import time

import pytest

from tests.e2e.day_two.names import (
    BUDGET,
    DB_1,
    OTHERS,
    S1,
    S2,
    S3,
    SHOP_1,
    W1,
    W2,
    WEB,
    machines,
    own,
    settled,
    spec,
    tell,
    write,
)
from tests.e2e.lab import Lab, voters, wait_for
from tests.e2e.prober import probing

pytestmark = [pytest.mark.ordered]
SPEC = spec()


def test_a_budget_stops_a_removal(cluster: Lab) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=BUDGET)
    path = write(cluster, "web, nodes: 2", "web, nodes: 1")
    # Its pods are the ones of the shop: the servers run them if no other node is left.
    cluster.kubectl("cordon", S1, S2, S3, W1)
    cluster.kubectl("rollout", "restart", "deploy/shop")
    try:
        wait_for("a pod on the node that goes", lambda: _on(cluster, W2))
        done = cluster.run("apply", "-y", "--drain-timeout", "8", path, code=9)
        assert "KB0851" in done.stderr
        assert "default/shop-" in done.stderr
        assert "disruption budget" in done.stderr
        assert not cluster.get("node", W2)["spec"].get("unschedulable")
        assert cluster.ready_nodes() == {S1, S2, S3, W1, W2}
    finally:
        cluster.kubectl("uncordon", S1, S2, S3, W1)
        cluster.kubectl("delete", "pdb", "shop")


@pytest.mark.full
def test_fewer_agents(cluster: Lab) -> None:
    """In a usual run the agents leave with their pool, below."""
    cluster.run("apply", "-y", "spec.yaml")
    assert cluster.ready_nodes() == {S1, S2, S3, W1}
    assert W2 not in machines()
    secrets = cluster.kubectl("get", "secrets", "-n", "kube-system", "-o", "name")
    assert f"{W2}.node-password" not in secrets
    settled(cluster)


@pytest.mark.full
def test_fewer_servers_and_more_again(cluster: Lab) -> None:
    path = write(cluster, "control_plane: {nodes: 3}", "control_plane: {nodes: 1}")
    begun = time.monotonic()
    with probing(own(cluster), cluster.folder) as probe:
        cluster.run("apply", "-y", path)
    tell("3 servers to 1", begun, probe)
    assert len(probe.failed) <= 1, probe.failed
    assert cluster.ready_nodes() == {S1, W1}
    assert voters(cluster) == 1
    settled(cluster)
    refused = cluster.run("replace", "-y", "spec.yaml", S1, code=8)
    assert "KB0854" in refused.stderr
    path = write(cluster, "control_plane: {nodes: 1}", "control_plane: {nodes: 3}")
    cluster.run("apply", "-y", path)
    wait_for("three voters", lambda: voters(cluster) == 3)
    settled(cluster)


def test_a_pool_is_removed_when_another_one_exists(cluster: Lab) -> None:
    cluster.run("apply", "-y", write(cluster, WEB.format(nodes=1), OTHERS))
    assert cluster.ready_nodes() == {S1, S2, S3, SHOP_1, DB_1}
    assert W1 not in machines()
    cluster.kubectl("rollout", "status", "deploy/shop", "--timeout=240s")
    settled(cluster)


def _on(lab: Lab, node: str) -> bool:
    pods = json.loads(lab.kubectl("get", "pods", "-l", "app=shop", "-o", "json"))["items"]
    return any(
        pod["spec"].get("nodeName") == node and "deletionTimestamp" not in pod["metadata"] for pod in pods
    )
