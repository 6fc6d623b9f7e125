"""Maintenance of a cluster with several servers: updates with the real apt, and reboots.

A usual run has it on one agent (`one_server/test_maintenance.py`). The tests run in the order of the file.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from kbootstrap.cluster.state.labels import LEAVING
from tests.e2e.day_two.names import S1, S2, S3, W1, W2, spec
from tests.e2e.lab import Lab, kill_now, voters, wait_for
from tests.e2e.updates import (
    REQUIRES,
    auto,
    boot,
    first_version,
    installed,
    maintenance,
    os_of,
    planned,
    publish,
    steps,
)

pytestmark = [pytest.mark.full, pytest.mark.ordered]
AGENT = W1
NODES = (S1, S2, S3, AGENT, W2)
_HELD = f"""\
touch /srv/begun
for _ in $(seq 1200); do [ -e /srv/hold ] || break; sleep 0.5; done
{REQUIRES}"""
"""A script that goes on when the test says so."""


def maintained(value: str) -> str:
    return spec(more=maintenance(value))


SPEC = maintained(auto(opened=False))


@pytest.fixture(scope="module", autouse=True)
def packages(cluster: Lab, chapter: None) -> None:
    del chapter
    first_version(cluster, NODES)


def test_outside_of_the_window_nothing_is_changed(cluster: Lab) -> None:
    before = {node: boot(cluster, node) for node in NODES}
    for node in (S1, S2, AGENT):
        publish(cluster, node, 2, REQUIRES)
    assert os_of(cluster, S1)["security_updates"] is None
    said = cluster.run("maintain", "-y", "spec.yaml", code=1).stderr
    assert "KB0867" in said
    assert "the next window begins" in " ".join(said.split())

    shown = cluster.run("maintain", "--dry-run", "spec.yaml").stderr
    assert "install 1 security update (kb-fix)" in shown
    assert planned(cluster) == {S1: ["kb-fix"], S2: ["kb-fix"], S3: [], AGENT: ["kb-fix"], W2: []}
    assert os_of(cluster, S1)["security_updates"] == ["kb-fix"]
    assert os_of(cluster, S1)["reboot_required"] is False
    status = cluster.run("status", "spec.yaml").stdout
    assert status.count("1 security update pending (kb-fix)") == 3
    assert {installed(cluster, node) for node in NODES} == {"1"}
    assert {node: boot(cluster, node) for node in NODES} == before


def test_killed_while_a_package_is_configured_and_then_all_nodes(cluster: Lab) -> None:
    publish(cluster, S1, 2, _HELD)
    publish(cluster, S2, 2, REQUIRES)
    publish(cluster, AGENT, 3)
    before = {node: boot(cluster, node) for node in NODES}
    cluster.spec(maintained(auto(opened=True)))
    cluster.on_node(S1, "touch /srv/hold")
    process = cluster.start("maintain", "-y", "spec.yaml")
    wait_for("the package is being configured", lambda: cluster.on_node(S1, "ls /srv/begun"), every=0.2)
    kill_now(process)
    found = cluster.get("node", S1)
    assert found["spec"]["unschedulable"] is True
    assert LEAVING in found["metadata"]["annotations"]
    assert voters(cluster) == 3
    cluster.on_node(S1, "systemctl is-active kbootstrap-updates")
    cluster.on_node(S1, "rm /srv/hold")

    said = cluster.run("maintain", "-y", "--events", "events.jsonl", "spec.yaml").stderr
    assert "rebooted" in said
    versions = {node: installed(cluster, node) for node in NODES}
    assert versions == {S1: "2", S2: "2", S3: "1", AGENT: "3", W2: "1"}
    changed = {node for node in NODES if boot(cluster, node) != before[node]}
    assert changed == {S1, S2}
    assert cluster.ready_nodes() == {*NODES}
    assert not any(item["spec"].get("unschedulable") for item in cluster.get("nodes")["items"])
    wait_for("three voters", lambda: voters(cluster) == 3)

    done = [(node, step) for node, step, status in steps(cluster, "events.jsonl") if status == "done"]
    order = [node for node, step in done if step == "cordon the node"]
    assert order == [S1, S2, AGENT]
    for node, other in pairwise(order):
        assert done.index((node, "uncordon the node")) < done.index((other, "cordon the node"))
    for node in (S1, S2):
        assert done.index((node, "drain the node")) < done.index((node, "hand over to the other servers"))
        assert done.index((node, "hand over to the other servers")) < done.index((node, "reboot the machine"))


def test_a_failed_update_stops_the_run_and_gives_the_node_back(cluster: Lab) -> None:
    publish(cluster, S3, 2, "echo the disk is full >&2; exit 1")
    publish(cluster, AGENT, 4)
    cluster.spec(maintained(auto(opened=True)))
    said = cluster.run("maintain", "-y", "spec.yaml", code=8).stderr
    assert "KB0866" in said
    assert "the disk is full" in said
    assert installed(cluster, AGENT) == "3"
    assert not any(item["spec"].get("unschedulable") for item in cluster.get("nodes")["items"])
    publish(cluster, S3, 3)
    cluster.run("maintain", "-y", "spec.yaml")
    assert (installed(cluster, S3), installed(cluster, AGENT)) == ("3", "4")
