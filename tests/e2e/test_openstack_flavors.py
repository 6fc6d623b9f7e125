"""New machines, one after the other: for a pool with volumes that gets another flavor, and for the server
that the API's floating IP leads to. Nothing is lost.

The tests run in the order of the file; at the end the cluster is destroyed, and its project must be empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.crash import Boundary, crash
from tests.e2e.lab import voters, wait_for
from tests.e2e.stack import Stack, stack

pytestmark = [pytest.mark.timeout(1800)]
CLUSTER = "fla"
DATA = tuple(f"{CLUSTER}-data-{n}" for n in (1, 2))
SERVERS = tuple(f"{CLUSTER}-control-plane-{n}" for n in (1, 2, 3))
NODES = {*SERVERS, *DATA}
MOUNT = "/var/lib/data"


def spec(flavor: str) -> str:
    """Three servers, the first with the API's floating IP, and two agents with a volume each."""
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: lab
clusters:
  {CLUSTER}:
    provider:
      openstack: {{cloud: kbootstrap-lab, external_network: public, image: {{name: Debian 12}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1}}
    network: {{cidr: 10.66.0.0/16, control_plane: 10.66.0.0/24, agents: 10.66.4.0/22}}
    api: {{endpoint: floating_ip, allowed_cidrs: [0.0.0.0/0]}}
    ssh: {{allowed_cidrs: [0.0.0.0/0]}}
    control_plane: {{nodes: 3, flavor: lab.medium}}
    pools:
      - {{name: data, nodes: 2, flavor: {flavor}, volumes: [{{name: data, size_gib: 1, mount: {MOUNT}}}]}}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The cluster, applied once for this module; each data node has its name on its volume."""
    with stack(tmp_path_factory.mktemp("flavors"), "flavors") as made:
        made.spec(spec("lab.small"))
        try:
            made.lab.run("apply", "-y", "spec.yaml", timeout=900)
            made.lab.kubectl("config", "use-context", f"kbootstrap-lab/{CLUSTER}")
            for name in DATA:
                made.on_node(name, f"echo {name} | sudo tee {MOUNT}/text")
            yield made
        finally:
            made.lab.run("destroy", "-y", "spec.yaml", timeout=600)


def machines(cluster: Stack) -> dict[str, tuple[str, str]]:
    """Return ID and flavor of each machine, by name."""
    found = cluster.cloud.admin.compute.servers(all_projects=True, project_id=cluster.project.id)
    return {one.name: (one.id, one.flavor.original_name) for one in found}


def whole(cluster: Stack) -> None:
    """See that every node is there with its own volume, and nothing is to be done."""
    assert cluster.lab.ready_nodes() == NODES
    for name in DATA:
        assert cluster.on_node(name, f"cat {MOUNT}/text") == name
    cluster.nothing_to_do()
    assert not list(cluster.lab.folder.rglob("*_override.tf"))


def test_one_node_after_the_other_gets_another_flavor(cluster: Stack) -> None:
    """kbootstrap is killed when one node has a new machine, perhaps not yet its volume; the other waits."""
    before, kept = machines(cluster), cluster.volumes()
    cluster.spec(spec("lab.medium"))
    command = ("apply", "-y", "-o", "json", "spec.yaml")
    made = f'create module.pool_data.openstack_compute_instance_v2.node["{DATA[0]}"]'
    assert crash(cluster.lab, command, Boundary(made, "done", DATA[0]), "kbootstrap", DATA[0])
    assert machines(cluster)[DATA[1]] == before[DATA[1]]
    done = cluster.lab.run(*command, timeout=900)
    told = [Boundary.of(json.loads(line)) for line in done.stdout.splitlines()]
    ready = told.index(Boundary("wait until the node is Ready", "done", DATA[0]))
    assert ready < told.index(Boundary("drain the node", "started", DATA[1]))
    after = machines(cluster)
    assert {name for name in NODES if after[name] != before[name]} == {*DATA}
    assert {after[name][1] for name in DATA} == {"lab.medium"}
    assert cluster.volumes() == kept
    whole(cluster)


def test_the_server_behind_the_floating_ip_gets_another_machine(cluster: Stack) -> None:
    """While it is away the API is asked on another server; nodes and operators then find it where it was."""
    before = machines(cluster)
    cluster.lab.kubectl("create", "configmap", "kept")
    cluster.lab.run("replace", "-y", "spec.yaml", SERVERS[0], timeout=900)
    after = machines(cluster)
    assert [name for name in NODES if after[name] != before[name]] == [SERVERS[0]]
    assert "configmap/kept" in cluster.lab.kubectl("get", "configmap", "-o", "name").split()
    wait_for("three voters", lambda: voters(cluster.lab) == 3, seconds=60)
    whole(cluster)
