"""An upgrade while a client works with the cluster, and versions that are refused.

Figures that people ask for are printed: `pytest -rP` shows them.
"""

from __future__ import annotations

import json
import re
import time

import pytest

from tests.e2e.day_two.names import NEW, OLD, S1, S2, S3, W1, W2, own, settled, spec, tell, write
from tests.e2e.lab import Lab
from tests.e2e.prober import moment, probing
from tests.e2e.transfers import sent

pytestmark = [pytest.mark.ordered]
SPEC = spec(OLD)
NODES = (S1, S2, S3, W1, W2)
SHARED = "/usr/local/lib/kbootstrap/shared/"
DATA = "/var/lib/rancher/k3s"
ARCHIVE = "k3s-airgap-images-amd64.tar.zst"


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
    assert set(cluster.versions().values()) == {OLD}


def test_an_upgrade(cluster: Lab) -> None:
    path, begun = write(cluster, OLD, NEW), time.monotonic()
    events = cluster.folder / "upgrade.jsonl"
    with probing(own(cluster), cluster.folder) as probe:
        done = cluster.run("apply", "-y", "--events", events, path)
    tell("upgrade of 5 nodes", begun, probe)
    assert cluster.versions() == dict.fromkeys(NODES, NEW)
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


def test_it_used_the_volume_of_all_nodes(cluster: Lab) -> None:
    """No artifact was sent over SSH. k3s neither unpacked itself nor imported images when it restarted."""
    events = cluster.folder / "upgrade.jsonl"
    assert sent(events) == set()
    steps = [one for one in map(json.loads, events.read_text().splitlines()) if one["type"] == "step"]
    done = {(one.get("node"), one["step"]) for one in steps if one.get("status") == "done"}
    for node in NODES:
        assert {
            (node, f"send k3s {NEW}"),
            (node, f"send {ARCHIVE} {NEW}"),
            (node, f"change to {NEW}"),
        } <= done
        places = f"/usr/local/bin/k3s {DATA}/data/current {DATA}/data/cni/bridge"
        program, current, plugin = cluster.on_node(node, f"readlink -f {places}").split()
        version = program.rpartition("/")[0]
        assert version.startswith(SHARED)
        assert current.startswith(f"{version}/data/")
        assert plugin == f"{current}/bin/cni"
        left = f"ls -A {DATA}/agent/images /var/lib/kbootstrap/next 2>/dev/null | grep -c k3s || :"
        assert cluster.on_node(node, left) == "0"
        journal = "journalctl -u k3s -u k3s-agent --no-pager -o cat"
        assert (
            cluster.on_node(node, f"{journal} | grep -cE 'Importing images|Preparing data dir' || :") == "0"
        )
        # The kubelet keeps the images of this version.
        images = json.loads(cluster.on_node(node, "k3s crictl images --output json"))["images"]
        pinned = {name for image in images if image["pinned"] for name in image["repoTags"]}
        assert set(cluster.on_node(node, f"cut -d ' ' -f 1 {version}/{ARCHIVE}.images").split()) <= pinned
