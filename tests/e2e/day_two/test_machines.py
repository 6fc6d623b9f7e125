"""Nodes get new machines while a client works with the cluster: dead ones too, and from runs that are killed.

Figures that people ask for are printed: `pytest -rP` shows them.
"""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.e2e.day_two.names import S1, S2, S3, W1, W2, machine, own, settled, spec, tell
from tests.e2e.lab import Lab, engine, kill_now, voters, wait_for
from tests.e2e.prober import moment, probing

SPEC = spec()


@pytest.mark.full
def test_an_agent_gets_a_new_machine(cluster: Lab) -> None:
    """In a usual run `one_server/test_crash_points.py` has it, without the client."""
    before, begun = machine(cluster, W1), time.monotonic()
    with probing(own(cluster), cluster.folder) as probe:
        cluster.run("replace", "-y", "spec.yaml", W1)
    tell("replacement of an agent", begun, probe)
    assert machine(cluster, W1) != before
    assert probe.failed == []
    assert cluster.ready_nodes() == {S1, S2, S3, W1, W2}
    cluster.kubectl("rollout", "status", "deploy/shop", "--timeout=280s")
    settled(cluster)


def test_the_first_server_gets_a_new_machine(cluster: Lab) -> None:
    before, begun, events = machine(cluster, S1), time.monotonic(), cluster.folder / "replaced.jsonl"
    with probing(own(cluster), cluster.folder) as probe:
        cluster.run("replace", "-y", "--events", events, "spec.yaml", S1)
    tell("replacement of the first server", begun, probe)
    assert machine(cluster, S1) != before
    away = moment(events, S1, "stop k3s.service", "done"), moment(events, S1, "start k3s.service", "done")
    assert probe.answers(*away), f"no answer while {S1} was away: {probe.failed}"
    assert probe.at_last
    assert len(probe.failed) <= 1, probe.failed
    wait_for("three voters", lambda: voters(cluster) == 3)
    settled(cluster)


@pytest.mark.full
def test_a_dead_machine_is_replaced(cluster: Lab) -> None:
    before = machine(cluster, W2)
    subprocess.run([engine(), "pause", W2], check=True, capture_output=True)
    cluster.run("replace", "-y", "spec.yaml", W2)
    assert machine(cluster, W2) != before
    settled(cluster)


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param("drain the node", marks=pytest.mark.full),
        pytest.param("stop k3s-agent.service", marks=pytest.mark.full),
        pytest.param("delete module.pool_web", marks=pytest.mark.full),
        pytest.param("start k3s-agent.service", marks=pytest.mark.full),
    ],
)
def test_killed_while_a_node_gets_a_new_machine(cluster: Lab, cut: str) -> None:
    """Wherever it is cut, apply makes the node well: with the old machine, or with a new one."""
    process = cluster.start("replace", "-y", "spec.yaml", W1)
    said = cluster.folder / "started.err"
    wait_for(cut, lambda: f"{W1}: {cut}" in said.read_text() or process.poll() is not None)
    assert process.poll() is None, said.read_text()
    kill_now(process)
    cluster.run("apply", "-y", "spec.yaml")
    assert cluster.ready_nodes() == {S1, S2, S3, W1, W2}
    settled(cluster)
