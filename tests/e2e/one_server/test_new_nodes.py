"""New agents that fail while they are made: the run says where and why, and the next one brings them up."""

from __future__ import annotations

import subprocess

import pytest

from tests.e2e.lab import Lab, engine, wait_for
from tests.e2e.one_server.names import AGENTS, spec

NEW = AGENTS[1]


def test_a_node_that_stops_in_the_middle(cluster: Lab) -> None:
    cluster.spec(spec(cluster, 2))
    process = cluster.start("apply", "-y", "spec.yaml")
    wait_for(
        "the agent is reachable",
        lambda: cluster.on_node(NEW, "test -d /var/lib/kbootstrap && echo yes"),
        every=0.1,
    )
    subprocess.run([engine(), "kill", NEW], capture_output=True, check=True)
    code = process.wait(timeout=1200)
    said = (cluster.folder / "started.err").read_text()
    assert code in {7, 8, 9}, said
    assert NEW in said
    cluster.run("apply", "-y", "spec.yaml")
    assert NEW in cluster.ready_nodes()


@pytest.mark.full
def test_a_full_disk_on_a_node(cluster: Lab) -> None:
    """The agent's data folder gets a small file system of its own before anything is installed."""
    subprocess.run([engine(), "rm", "-f", "-v", NEW], capture_output=True, check=True)
    cluster.spec(spec(cluster, 2))
    process = cluster.start("apply", "-y", "spec.yaml")
    wait_for("the agent runs", lambda: cluster.on_node(NEW, "echo yes"), every=0.1)
    cluster.on_node(NEW, "mount -t tmpfs -o size=20m tmpfs /var/lib/rancher")
    code = process.wait(timeout=1200)
    said = (cluster.folder / "started.err").read_text()
    assert code == 8, said
    assert NEW in said
    assert "Disk too full" in said
    assert "MiB" in said
    cluster.on_node(NEW, "umount /var/lib/rancher", check=False)
    cluster.run("apply", "-y", "spec.yaml")
    assert NEW in cluster.ready_nodes()
