"""Snapshots of RKE2: saved, rehearsed on this machine, restored after a killed run."""

from __future__ import annotations

import json

import pytest

from tests.e2e.lab import Lab, leftovers
from tests.e2e.restores import restored_after_a_kill, saved
from tests.e2e.rke2.names import DATA, NEW, NODES, S1, C

pytestmark = [pytest.mark.full, pytest.mark.ordered]
VERSION = NEW
TWIN = f"{C}-rehearsal"


def test_saved_and_rehearsed(cluster: Lab) -> None:
    """No workload runs in a rehearsal, and nothing gets out of it; static pods do, as RKE2 needs them."""
    lab = cluster
    kept = saved(lab, S1)
    lab.run("snapshot", "restore", kept, "--into", "local", "--keep")
    spec = next((lab.folder / ".kbootstrap").rglob("rehearsal.yaml"))
    node = f"{TWIN}-control-plane-1"
    kubectl = f"{DATA}/bin/kubectl --kubeconfig /etc/rancher/rke2/rke2.yaml get -A"
    found = lab.on_node(node, f"{kubectl} configmaps,cronjobs -o name")
    assert "configmap/first" in found
    assert "cronjob.batch/act" in found
    assert "configmap/later" not in found
    owners = "jsonpath='{.items[*].metadata.ownerReferences[*].kind}'"
    pods = f"{kubectl} pods --field-selector spec.nodeName={node} -o {owners}"
    assert set(lab.on_node(node, pods).split()) <= {"Node"}, "more than static pods"
    target = f"/dev/tcp/{lab.prefix}.0.1/{lab.extra['E2E_PORT']}"
    reach = f"timeout 5 bash -c 'echo > {target}' 2>&1 || echo refused"
    assert "refused" in lab.on_node(node, reach)
    assert "refused" not in lab.on_node(S1, reach)
    lab.run("destroy", "-y", spec)
    assert leftovers("e2e-rehearsal", TWIN) == []
    report = json.loads(
        lab.run("snapshot", "restore", "spec.yaml", "s3", "--into", "local", "-o", "json").stdout
    )
    assert set(report["nodes"]) == NODES
    assert report["workloads"]["CronJob"] == ["default/act"]
    assert leftovers("e2e-rehearsal", TWIN) == []


def test_restored(cluster: Lab) -> None:
    restored_after_a_kill(cluster, NODES)
