"""Snapshots of one server: rehearsed, restored over the cluster, and into one that was made again.

The tests run in the order of the file.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.lab import Lab, leftovers, wait_for
from tests.e2e.one_server.names import AGENT, PORT, SECRETS, SERVER, C
from tests.e2e.restores import has, is_as_it_was, listed, restore_killed, restored_after_a_kill, saved
from tests.e2e.transfers import sent

pytestmark = [pytest.mark.ordered]
NODES = {SERVER, AGENT}
TWIN = f"{C}-rehearsal"


@pytest.fixture(scope="module")
def kept(cluster: Lab) -> Path:
    """A snapshot that was saved to this machine, of a cluster that has later data by now."""
    for name in {one["name"] for one in listed(cluster)}:
        cluster.run("snapshot", "delete", "-y", name)
    cluster.kubectl("delete", "configmap", "first", "later", "--ignore-not-found")
    return saved(cluster, SERVER)


@pytest.fixture
def alone(cluster: Lab) -> Callable[[], bool]:
    """A question: is nothing left of a rehearsal, and does the cluster not know of it?"""

    def seen() -> tuple[str, bytes]:
        lease = cluster.on_node(SERVER, "cat /run/kbootstrap/lease")
        return lease, (cluster.folder / "kubeconfig").read_bytes()

    before = seen()
    return lambda: leftovers("e2e-rehearsal", TWIN) == [] and before == seen()


@pytest.mark.full
def test_a_rehearsal_that_is_interrupted(cluster: Lab, kept: Path, alone: Callable[[], bool]) -> None:
    events = cluster.folder / "rehearsal.jsonl"
    process = cluster.start("snapshot", "restore", kept, "--into", "local", "--events", events)
    begun = f"restore {kept.name}"
    wait_for("the restore", lambda: events.exists() and begun in events.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=600) == 130
    assert alone()


@pytest.mark.full
def test_rehearsed(cluster: Lab, kept: Path, alone: Callable[[], bool]) -> None:
    """A rehearsal shows what is in the snapshot, leaves nothing, and its cluster does not hear of it."""
    lab, rehearsal = cluster, ("snapshot", "restore", "spec.yaml", "s3", "--into", "local")
    events = lab.folder / "rehearsed.jsonl"
    report = json.loads(lab.run(*rehearsal, "-o", "json", "--events", events).stdout)
    assert not any(name.startswith("k3s") for name in sent(events))
    assert report["snapshot"]["place"] == "s3"
    assert set(report["nodes"]) == NODES
    assert report["workloads"]["CronJob"] == ["default/act"]
    assert report["counts"]["Secret"] > 0
    assert report["kept"] is None
    assert alone()

    shown = lab.run("snapshot", "restore", kept, "--into", "local", "--keep").stdout
    spec = next((lab.folder / ".kbootstrap").rglob("rehearsal.yaml"))
    assert f"kbootstrap destroy {spec}" in shown
    node = f"{TWIN}-control-plane-1"
    kubectl = "k3s kubectl get -A -o name"
    assert "configmap/first" in lab.on_node(node, f"{kubectl} configmaps")
    assert "configmap/later" not in lab.on_node(node, f"{kubectl} configmaps")
    assert "pod/" not in lab.on_node(node, f"{kubectl} pods --field-selector spec.nodeName={node}")
    assert lab.on_node(node, "ps -e -o comm= | grep -c containerd || :") == "0"
    reach = f"timeout 5 bash -c 'echo > /dev/tcp/{lab.prefix}.0.1/$0' {{}} 2>&1 || echo refused"
    assert "refused" in lab.on_node(node, reach.format(lab.extra[PORT]))
    assert "refused" not in lab.on_node(SERVER, reach.format(lab.extra[PORT]))
    assert "KB0894" in lab.run(*rehearsal, code=5).stderr
    assert "KB0893" in lab.run("apply", "-y", spec, code=8).stderr
    lab.run("destroy", "-y", spec)
    assert alone()


@pytest.mark.full
def test_restored_after_a_kill(cluster: Lab, kept: Path) -> None:
    assert kept.exists()
    restored_after_a_kill(cluster, NODES)


def test_lost_and_restored(cluster: Lab, kept: Path) -> None:
    lab = cluster
    lab.run("destroy", "-y", "spec.yaml")
    lab.run("apply", "-y", "spec.yaml")
    assert not has(lab, "first")
    lab.extra["E2E_PASS"] = "wrong"
    assert "KB0872" in lab.run("snapshot", "restore", "-y", kept, code=4).stderr
    assert lab.ready_nodes() == NODES
    lab.extra |= SECRETS
    restore_killed(lab, str(kept), f"restore {kept.name}")
    lab.run("snapshot", "restore", "-y", kept)
    is_as_it_was(lab, NODES)
    shared = "".join(one.read_text() for one in (lab.folder / ".kbootstrap").rglob("*.jsonl"))
    assert not any(SECRETS[name] in shared for name in ("E2E_S3_SECRET_KEY", "E2E_PASS"))
    lab.run("snapshot", "delete", "-y", kept.name)
    assert listed(lab) == []
