"""RKE2 (the stand-in) is upgraded while a client works with the cluster; wrong versions are refused."""

from __future__ import annotations

import re

import pytest

from tests.e2e.lab import Lab
from tests.e2e.prober import probing
from tests.e2e.rke2.names import (
    AGENT,
    DATA,
    NEW,
    NODES,
    OLD,
    S1,
    SERVERS,
    kubeconfig,
    nothing_to_do,
    spec,
    versions,
    write,
)

pytestmark = [pytest.mark.full, pytest.mark.ordered]
VERSION = OLD


def test_versions_that_must_not_be(cluster: Lab) -> None:
    for wrong, code, why in (
        ("v1.33.0+rke2r1", 8, "must not skip a minor version"),
        ("v1.30.0+rke2r1", 3, "from v1.31 on"),
    ):
        path = write(cluster, OLD, wrong)
        done = cluster.run("apply", "-y", path, code=code)
        assert why in " ".join(done.stderr.split())
        write(cluster, wrong, OLD)
    assert set(versions(cluster).values()) == {OLD}


def test_an_upgrade(cluster: Lab) -> None:
    path = write(cluster, OLD, NEW)
    with probing(kubeconfig(cluster), cluster.folder) as probe:
        done = cluster.run("apply", "-y", path)
    assert versions(cluster) == dict.fromkeys(NODES, NEW)
    restarts = re.findall(r"\] (\S+): restart \S+: done", done.stderr)
    assert restarts == [*SERVERS, AGENT]
    assert cluster.on_node(S1, f"ls {DATA}/server/db/snapshots | grep -c ^before-v1.32.1") == "1"
    assert cluster.on_node(AGENT, f"readlink {DATA}/bin").startswith(f"{DATA}/data/v1.32.1-rke2r1-")
    assert probe.at_last
    assert len(probe.failed) <= 1, probe.failed
    nothing_to_do(cluster)


def test_what_is_refused_after_it(cluster: Lab) -> None:
    path = write(cluster, NEW, "v1.33.11+rke2r1")
    done = cluster.run("apply", "-y", path, code=8)
    assert "etcd changes from 3.5 to 3.6" in " ".join(done.stderr.split())
    write(cluster, "v1.33.11+rke2r1", OLD)
    assert "a downgrade is not possible" in " ".join(cluster.run("plan", path, code=8).stderr.split())
    cluster.spec(spec(NEW))
    nothing_to_do(cluster)
