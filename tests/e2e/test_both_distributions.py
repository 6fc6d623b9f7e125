"""One life for both distributions: a server and an agent that are made, cut, restored and upgraded.

RKE2 is the stand-in or the vendor's (`rke2/release.py`). In a usual run k3s goes through the same on larger
clusters (`day_two/`, `one_server/`); three servers of RKE2 have the folder `rke2/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.e2e.crash import Boundary, Living, crash
from tests.e2e.lab import Lab, destroyed_after, new_lab, wait_for
from tests.e2e.restores import newest_after_save
from tests.e2e.rke2.places import passwords, placed
from tests.e2e.specs import skipping
from tests.e2e.subjects import Subject, subject

pytestmark = [pytest.mark.ordered]
C = "e2elife"
SERVER, AGENT = f"{C}-control-plane-1", f"{C}-default-1"
NODES = {SERVER, AGENT}
DATA = "the-beginning"


@pytest.fixture(scope="module", params=["rke2", pytest.param("k3s", marks=pytest.mark.full)])
def tried(request: pytest.FixtureRequest) -> Subject:
    """The distribution of a life."""
    return subject(str(request.param))


@pytest.fixture(scope="module")
def cluster(tried: Subject, tmp_path_factory: pytest.TempPathFactory, tool: str) -> Iterator[Lab]:
    """A server and an agent of the older version, with some data."""
    lab = new_lab(tmp_path_factory, f"life-{tried.distribution}", tool)
    lab.spec(spec(tried, tried.old))
    with destroyed_after(lab, "e2e", C):
        lab.run("apply", "-y", "spec.yaml")
        lab.kubectl("create", "configmap", "kept", f"--from-literal=since={DATA}")
        yield lab


@pytest.fixture
def living(cluster: Lab, tried: Subject) -> Living:
    return Living(cluster, C, distribution=tried.distribution)


def spec(tried: Subject, version: str) -> str:
    return tried.spec(C, version=version, pools="      - {name: default, nodes: 1}\n")


def test_installed(cluster: Lab, tried: Subject) -> None:
    assert cluster.ready_nodes() == NODES
    assert cluster.versions() == dict.fromkeys(NODES, tried.old)
    assert cluster.on_node(SERVER, f"systemctl is-active {tried.server}") == "active"
    assert cluster.on_node(AGENT, f"systemctl is-active {tried.agent}") == "active"


@pytest.mark.parametrize("tried", ["rke2"], indirect=True, scope="module")
def test_everything_is_where_rke2_has_it(cluster: Lab, tried: Subject) -> None:
    placed(cluster, tried.old, [SERVER], AGENT)
    assert passwords(cluster) == NODES


def test_status_sees_it_and_a_second_apply_does_nothing(cluster: Lab, tried: Subject) -> None:
    wait_for("all is well", lambda: cluster.run("status", "spec.yaml", code=None).returncode == 0)
    shown = json.loads(cluster.run("status", "-o", "json", "spec.yaml").stdout)
    assert {node["version"] for one in shown["clusters"] for node in one["nodes"]} == {tried.old}
    cluster.nothing_to_do()


@pytest.mark.full
def test_an_agent_is_replaced_by_a_run_that_is_killed(cluster: Lab, living: Living) -> None:
    """The next apply makes the node well, with its old machine or with a new one."""
    authority = living.authority()
    command = ("replace", "-y", "-o", "json", "spec.yaml", AGENT)
    assert crash(cluster, command, Boundary("delete the old Node object", "done", AGENT), "kbootstrap", AGENT)
    living.heal(NODES, authority=authority, data=DATA)


@pytest.mark.full
def test_a_snapshot_is_restored_after_a_run_that_was_killed(cluster: Lab, living: Living) -> None:
    authority = living.authority()
    saved = newest_after_save(cluster)
    cluster.kubectl("create", "configmap", "later")
    command = ("snapshot", "restore", "-y", "-o", "json", saved)
    at = Boundary(f"restore {saved}", "started", SERVER)
    assert crash(cluster, command, at, "kbootstrap", SERVER)
    cluster.run(*command)
    living.heal(NODES, authority=authority, data=DATA)
    assert "later" not in cluster.kubectl("get", "configmap", "-o", "name")


def test_a_minor_version_cannot_be_skipped(cluster: Lab, tried: Subject) -> None:
    path = cluster.spec(spec(tried, skipping(tried.old)))
    assert "must not skip a minor version" in " ".join(cluster.run("plan", path, code=8).stderr.split())


def test_an_upgrade(cluster: Lab, tried: Subject, living: Living) -> None:
    authority, path = living.authority(), cluster.spec(spec(tried, tried.new))
    done = cluster.run("apply", "-y", path)
    assert cluster.versions() == dict.fromkeys(NODES, tried.new)
    assert re.findall(r"\] (\S+): restart \S+: done", done.stderr) == [SERVER, AGENT]
    kept = f"/var/lib/rancher/{tried.distribution}/server/db/snapshots"
    assert f"before-{tried.new.partition('+')[0]}" in cluster.on_node(SERVER, f"ls {kept}")
    living.heal(NODES, authority=authority, data=DATA)


def test_there_is_no_way_back(cluster: Lab, tried: Subject) -> None:
    path = cluster.spec(spec(tried, tried.old))
    assert "a downgrade is not possible" in " ".join(cluster.run("plan", path, code=8).stderr.split())
    cluster.spec(spec(tried, tried.new))
    cluster.nothing_to_do()
