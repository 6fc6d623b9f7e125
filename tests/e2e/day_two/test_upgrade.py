"""An upgrade while a client works with the cluster, and versions that are refused.

Figures that people ask for are printed: `pytest -rP` shows them.
"""

from __future__ import annotations

import re
import time

import pytest

from tests.e2e.day_two.names import NEW, OLD, S1, S2, S3, W1, W2, own, settled, spec, tell, versions, write
from tests.e2e.lab import Lab
from tests.e2e.prober import moment, probing

pytestmark = [pytest.mark.ordered]
SPEC = spec(OLD)


def test_versions_that_must_not_be(cluster: Lab) -> None:
    for wrong, why in (
        ("v1.33.0+k3s1", "must not skip a minor version"),
        ("v1.30.0+k3s1", "a downgrade is not possible"),
    ):
        path = write(cluster, OLD, wrong)
        done = cluster.run("apply", "-y", path, code=8)
        assert why in " ".join(done.stderr.split())
        assert "KB0809" in done.stderr
        write(cluster, wrong, OLD)
    assert set(versions(cluster).values()) == {OLD}


def test_an_upgrade(cluster: Lab) -> None:
    path, begun = write(cluster, OLD, NEW), time.monotonic()
    events = cluster.folder / "upgrade.jsonl"
    with probing(own(cluster), cluster.folder) as probe:
        done = cluster.run("apply", "-y", "--events", events, path)
    tell("upgrade of 5 nodes", begun, probe)
    assert versions(cluster) == dict.fromkeys((S1, S2, S3, W1, W2), NEW)
    restarts = re.findall(r"\] (\S+): restart \S+: done", done.stderr)
    assert restarts[:3] == [S1, S2, S3]
    assert sorted(restarts[3:]) == [W1, W2]
    assert cluster.on_node(S1, "ls /var/lib/rancher/k3s/server/db/snapshots | grep -c ^before-v1.32.0") == "1"
    # One server restarts after another: between two of them the client has its answers again.
    for one, other in ((S1, S2), (S2, S3)):
        rest = moment(events, one, "restart", "done"), moment(events, other, "restart", "started")
        assert probe.answers(*rest), f"no answer between {one} and {other}: {probe.failed}"
    assert probe.at_last
    # Servers hand over before they restart. One request may meet an election on a busy machine.
    assert len(probe.failed) <= 1, probe.failed
    settled(cluster)
