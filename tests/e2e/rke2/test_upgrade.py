"""RKE2 is upgraded while a client works with the cluster; wrong versions are refused."""

from __future__ import annotations

import re

import pytest

from kbootstrap.distros.rke2.minors import unsafe_etcd
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
    spec,
    write,
)
from tests.e2e.specs import skipping

pytestmark = [pytest.mark.full, pytest.mark.ordered]
VERSION = OLD
ETCD_3_6 = "v1.33.11+rke2r1"


def test_versions_that_must_not_be(cluster: Lab) -> None:
    for wrong, code, why in (
        (skipping(OLD), 8, "must not skip a minor version"),
        ("v1.30.0+rke2r1", 3, "from v1.31 on"),
    ):
        path = write(cluster, OLD, wrong)
        done = cluster.run("apply", "-y", path, code=code)
        assert why in " ".join(done.stderr.split())
        write(cluster, wrong, OLD)
    assert set(cluster.versions().values()) == {OLD}


def test_an_upgrade(cluster: Lab) -> None:
    path = write(cluster, OLD, NEW)
    with probing(kubeconfig(cluster), cluster.folder) as probe:
        done = cluster.run("apply", "-y", path)
    assert cluster.versions() == dict.fromkeys(NODES, NEW)
    restarts = re.findall(r"\] (\S+): restart \S+: done", done.stderr)
    assert restarts == [*SERVERS, AGENT]
    assert (
        cluster.on_node(S1, f"ls {DATA}/server/db/snapshots | grep -c ^before-{NEW.partition('+')[0]}") == "1"
    )
    assert cluster.on_node(AGENT, f"readlink {DATA}/bin").startswith(f"{DATA}/data/{NEW.replace('+', '-')}-")
    assert probe.at_last
    assert len(probe.failed) <= 1, probe.failed
    cluster.nothing_to_do()


def test_what_is_refused_after_it(cluster: Lab) -> None:
    if unsafe_etcd(NEW, ETCD_3_6):
        path = write(cluster, NEW, ETCD_3_6)
        done = cluster.run("apply", "-y", path, code=8)
        assert "etcd changes from 3.5 to 3.6" in " ".join(done.stderr.split())
        write(cluster, ETCD_3_6, NEW)
    path = write(cluster, NEW, OLD)
    assert "a downgrade is not possible" in " ".join(cluster.run("plan", path, code=8).stderr.split())
    cluster.spec(spec(NEW))
    cluster.nothing_to_do()
