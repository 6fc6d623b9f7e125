"""A sample of the crash matrix (`crash_matrix.py`) on one small cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.crash import Boundary, How, Living, crash
from tests.e2e.lab import Lab, engine, leftovers, need, program

pytestmark = [pytest.mark.timeout(1200)]
C = "e2epoints"
S1, W1, W2 = f"{C}-control-plane-1", f"{C}-web-1", f"{C}-web-2"
DATA = "the-beginning"
NODE = 'module.pool_web.terraform_data.node["{}"]'


def spec(agents: int) -> str:
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: e2e
clusters:
  {C}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1}}
    network: {{cidr: 10.242.0.0/16, control_plane: 10.242.0.0/24, agents: 10.242.4.0/22}}
    control_plane: {{nodes: 1}}
    pools:
      - {{name: web, nodes: {agents}}}
"""


@dataclass(frozen=True)
class Cluster:
    living: Living
    authority: str

    @property
    def lab(self) -> Lab:
        return self.living.lab

    def heal(self, agents: int) -> None:
        nodes = {S1} | {f"{C}-web-{n}" for n in range(1, agents + 1)}
        self.living.heal(nodes, authority=self.authority, data=DATA)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One server and one agent, with data, after a first apply that was killed while the server started."""
    engine()
    tofu = program("tofu")
    need(tofu, "tofu is not installed")
    lab = Lab(tmp_path_factory.mktemp("points"), str(tofu))
    lab.extra["KBOOTSTRAP_TOFU"] = str(tofu)
    path, living = lab.spec(spec(1)), Living(lab, C)
    try:
        at = Boundary("start k3s.service", "done", S1)
        assert crash(lab, ("apply", "-y", "-o", "json", path), at, "kbootstrap", S1)
        living.heal({S1, W1}, authority=None, data=None)
        living.write(DATA)
        yield Cluster(living, living.authority())
    finally:
        lab.run("destroy", "-y", path)
        assert leftovers("e2e", C) == []


@pytest.mark.parametrize(
    ("how", "what", "status"),
    [
        ("kbootstrap", "delete the old Node object", "done"),
        ("machine", "start k3s-agent.service", "done"),
        ("network", "cordon the node", "done"),
    ],
)
def test_an_agent_is_replaced(cluster: Cluster, how: How, what: str, status: str) -> None:
    command = ("replace", "-y", "-o", "json", "spec.yaml", W1)
    assert crash(cluster.lab, command, Boundary(what, status, W1), how, W1)
    cluster.heal(1)


def test_an_agent_comes_and_goes(cluster: Cluster) -> None:
    command = ("apply", "-y", "-o", "json", "spec.yaml")
    cluster.lab.spec(spec(2))
    at = Boundary(f"create {NODE.format(W2)}", "done", W2)
    assert crash(cluster.lab, command, at, "kbootstrap", W2)
    cluster.heal(2)
    cluster.lab.spec(spec(1))
    assert crash(cluster.lab, command, Boundary("stop k3s-agent.service", "done", W2), "kbootstrap", W2)
    cluster.heal(1)


def test_a_snapshot_is_restored(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.run("snapshot", "save")
    name = json.loads(lab.run("snapshot", "list", "-o", "json").stdout)["snapshots"][-1]["name"]
    lab.kubectl("create", "configmap", "later")
    command = ("snapshot", "restore", "-y", "-o", "json", name)
    assert crash(lab, command, Boundary(f"restore {name}", "started", S1), "kbootstrap", S1)
    lab.run(*command)
    cluster.heal(1)
    assert "later" not in lab.kubectl("get", "configmap", "-o", "name")
