"""What an operator may lose: all files but the state, and the state too. Machines and data stay."""

from __future__ import annotations

import pytest

from tests.e2e.lab import Lab
from tests.e2e.newcomer.names import C, machines, renamed

SPEC = renamed


def lose(cluster: Lab) -> None:
    """Put the workspace where nothing looks for it; the search for secrets reads it still."""
    lost = sum(1 for path in cluster.folder.iterdir() if path.name.startswith("lost-"))
    (cluster.folder / ".kbootstrap").rename(cluster.folder / f"lost-{lost}")
    (cluster.folder / "kubeconfig").unlink()


def keep(cluster: Lab) -> None:
    """Have a ConfigMap in the cluster that must be there later."""
    cluster.kubectl("create", "configmap", "kept", check=False)


@pytest.mark.full
def test_only_the_state_must_be_kept(cluster: Lab) -> None:
    """Key, kubeconfig, pins and rendered files are made or found again; machines and data stay."""
    keep(cluster)
    before, work = machines(), cluster.folder / ".kbootstrap"
    state = (work / C / "terraform.tfstate").read_bytes()
    lose(cluster)
    (work / C).mkdir(parents=True)
    (work / C / "terraform.tfstate").write_bytes(state)
    cluster.run("status", "spec.yaml")
    cluster.run("apply", "-y", "spec.yaml")
    assert "kept" in cluster.kubectl("get", "configmap", "-o", "name")
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert machines() == before


def test_a_lost_state_comes_back_around_what_runs(cluster: Lab) -> None:
    keep(cluster)
    before = machines()
    lose(cluster)
    refused = cluster.run("apply", "-y", "spec.yaml", code=5)
    assert "KB0612" in refused.stderr
    assert "kbootstrap adopt" in " ".join(refused.stderr.split())
    cluster.run("adopt", "-y", "spec.yaml")
    cluster.run("apply", "-y", "spec.yaml")
    assert "kept" in cluster.kubectl("get", "configmap", "-o", "name")
    cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert "contains all of its resources" in cluster.run("adopt", "-y", "spec.yaml").stderr
    assert machines() == before
