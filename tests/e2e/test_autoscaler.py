"""Elastic machines on this machine: a client plays Cluster Autoscaler, and the real server makes containers.

The tests run in the order of the file, in `make test-full` with RKE2 too. In most of them a test decides; in
`test_load_…` a loop like that of Cluster Autoscaler does. The last one destroys the cluster while the server
runs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from kbootstrap.distros import find
from tests.e2e import scaling
from tests.e2e.autoscaler import Scaler, elastic, joined, scaler, until
from tests.e2e.lab import SHORT, Lab, destroyed_after, engine, leftovers, need, new_lab, wait_for
from tests.e2e.stand_in import stand_in
from tests.e2e.subjects import Subject, subject
from tests.e2e.workloads import assert_all_answer, bring_box, echo_pods

pytestmark = [pytest.mark.ordered, pytest.mark.timeout(4000)]
C = "e2escale"
STATIC = {f"{C}-control-plane-1", f"{C}-web-1"}
GROUP = "web"
POOL = "      - {name: web, labels: {tier: web}, autoscaling: {min: 1, max: 3}}\n"


@pytest.fixture(scope="module", params=["k3s", pytest.param("rke2", marks=pytest.mark.full)])
def tried(request: pytest.FixtureRequest) -> Subject:
    """The distribution of the cluster."""
    return subject(str(request.param))


def spec(tried: Subject, pool: str = POOL) -> str:
    return tried.spec(C, pools=pool + scaling.POOL, provider=scaling.SIZES, more=scaling.PRICES)


@pytest.fixture(scope="module")
def cluster(tried: Subject, tmp_path_factory: pytest.TempPathFactory, tool: str) -> Iterator[Lab]:
    lab = new_lab(tmp_path_factory, f"scale-{tried.distribution}", tool)
    lab.spec(spec(tried))
    with destroyed_after(lab, "e2e", C):
        lab.run("apply", "-y", "spec.yaml")
        yield lab


@pytest.fixture(scope="module")
def server(cluster: Lab) -> Iterator[Scaler]:
    with scaler(cluster, C) as made:
        yield made


def containers(*, running: bool = False) -> set[str]:
    """Return the names of the elastic containers of this cluster; all, or those that run."""
    marks = [f"--filter=label=kbootstrap.cluster={C}", "--filter=label=kbootstrap.elastic"]
    marks += ["--filter=status=running"] if running else []
    said = subprocess.run(
        [engine(), "ps", "-a", "--format", "{{.Names}}", *marks], capture_output=True, text=True, check=True
    )
    return set(said.stdout.split())


def rows(lab: Lab) -> dict[str, dict[str, object]]:
    found = json.loads(lab.run("status", "-o", "json", "spec.yaml").stdout)
    return {row["name"]: row for row in found["clusters"][0]["nodes"]}


def test_the_groups_are_those_of_the_spec(server: Scaler) -> None:
    groups = {one.id: (one.minSize, one.maxSize) for one in server.call("NodeGroups").nodeGroups}
    assert groups == {GROUP: (1, 3), scaling.SMALL: (0, 3), scaling.LARGE: (0, 3)}
    assert server.target(GROUP) == 1
    template = server.call("NodeGroupTemplateNodeInfo", id=GROUP).nodeInfo
    assert template.metadata.labels["tier"] == "web"


def test_a_machine_becomes_a_node(cluster: Lab, server: Scaler, tried: Subject) -> None:
    server.grow(GROUP)
    assert server.target(GROUP) == 2
    (name,) = joined(cluster, STATIC, 1)
    node = cluster.get("node", name)
    assert node["metadata"]["labels"]["tier"] == "web"
    until("it is running for Cluster Autoscaler", lambda: set(server.instances(GROUP).values()) == {1})
    assert node["spec"]["providerID"] in server.instances(GROUP)
    static = cluster.get("node", f"{C}-web-1")
    marks = static["metadata"].get("annotations", {})
    assert marks["cluster-autoscaler.kubernetes.io/scale-down-disabled"] == "true"
    file = f"/etc/rancher/{tried.distribution}/config.yaml"
    configs = [cluster.on_node(one, f"cat {file}") for one in (name, f"{C}-web-1")]
    same = [
        [line for line in one.splitlines() if "node-name" not in line and "node-ip" not in line]
        for one in configs
    ]
    assert same[0] == same[1]


def test_apply_has_nothing_to_do_with_it(cluster: Lab, server: Scaler) -> None:
    (name,) = elastic(cluster, STATIC)
    cluster.nothing_to_do()
    row = rows(cluster)[name]
    assert (row["elastic"], row["good"], row["passing"]) == (True, True, None)
    assert "agent, elastic" in cluster.run("status", "spec.yaml").stdout
    assert cluster.run("ssh", "spec.yaml", name, "--", "hostname", timeout=SHORT).stdout.strip() == name
    assert server.target(GROUP) == 2


def test_pods_run_on_it(cluster: Lab, server: Scaler, tried: Subject) -> None:
    """And reach those of every other node, and are reached."""
    (name,) = elastic(cluster, STATIC)
    del server
    if tried.vendor:
        bring_box(cluster, STATIC | {name}, find(tried.distribution).command("ctr"))
    pods = echo_pods(cluster)
    assert set(pods) == STATIC | {name}
    assert_all_answer(cluster, pods)


def test_labels_of_the_spec_reach_it(cluster: Lab, server: Scaler, tried: Subject) -> None:
    del server
    (name,) = elastic(cluster, STATIC)
    cluster.spec(spec(tried, POOL.replace("tier: web", "tier: front")))
    cluster.run("apply", "-y", "spec.yaml")
    assert cluster.get("node", name)["metadata"]["labels"]["tier"] == "front"


def test_nothing_beyond_the_maximum(server: Scaler) -> None:
    import grpc

    with pytest.raises(grpc.RpcError) as raised:
        server.grow(GROUP, 2)
    assert raised.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert server.target(GROUP) == 2


@pytest.mark.full
def test_a_server_that_is_killed_between_creation_and_installation(cluster: Lab, server: Scaler) -> None:
    """The next server finds the machine by its labels, and installs it; there is no second one."""
    before = containers()
    server.grow(GROUP)
    # One that does not run counts as failed after a minute, and a busy machine needs longer for what follows.
    wait_for("the container runs", lambda: containers(running=True) - before, seconds=SHORT, every=0.05)
    server.kill()
    (made,) = containers() - before
    meanwhile = cluster.run("apply", "-y", "spec.yaml")
    assert made not in meanwhile.stdout + meanwhile.stderr
    server.start()
    assert joined(cluster, STATIC, 2) == before | {made}
    assert containers() == before | {made}
    assert server.target(GROUP) == 3
    cluster.nothing_to_do()


def test_a_static_node_is_not_deleted(cluster: Lab, server: Scaler) -> None:
    import grpc

    node = {"name": f"{C}-web-1", "providerID": cluster.get("node", f"{C}-web-1")["spec"]["providerID"]}
    with pytest.raises(grpc.RpcError) as raised:
        server.call("NodeGroupDeleteNodes", id=GROUP, nodes=[node])
    assert raised.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_a_given_node_is_deleted(cluster: Lab, server: Scaler) -> None:
    first, *others = sorted(elastic(cluster, STATIC))
    server.remove(GROUP, first)
    assert server.target(GROUP) == 1 + len(others)
    until("its container is gone", lambda: containers() == {*others})
    until("its Node is gone", lambda: first not in cluster.kubectl("get", "nodes", "-o", "name"))
    pins = (cluster.folder / ".kbootstrap" / f"{C}.run" / "known_hosts").read_text()
    until("its host key is forgotten", lambda: first not in pins or first not in _pins(cluster))
    cluster.nothing_to_do()


def _pins(lab: Lab) -> str:
    return (lab.folder / ".kbootstrap" / f"{C}.run" / "known_hosts").read_text()


@pytest.mark.full
def test_a_machine_that_is_deleted_outside(cluster: Lab, server: Scaler) -> None:
    (name,) = elastic(cluster, STATIC)
    subprocess.run([engine(), "rm", "--force", "--volumes", name], capture_output=True, check=True)
    until("its Node is removed", lambda: name not in cluster.kubectl("get", "nodes", "-o", "name"))
    assert server.target(GROUP) == 1
    cluster.nothing_to_do()


@pytest.mark.full
def test_replace_removes_an_elastic_node(cluster: Lab, server: Scaler) -> None:
    if not elastic(cluster, STATIC):
        server.grow(GROUP)
    (name,) = joined(cluster, STATIC, 1)
    shown = cluster.run("replace", "-y", "spec.yaml", name)
    assert "delete the machine" in shown.stderr + shown.stdout
    assert containers() == set()
    until("the target follows", lambda: server.target(GROUP) == 1)
    cluster.nothing_to_do()


@pytest.mark.full
def test_a_smaller_maximum_and_no_bounds(cluster: Lab, server: Scaler, tried: Subject) -> None:
    """The newest node leaves; without bounds the other one too."""
    server.grow(GROUP)
    (first,) = joined(cluster, STATIC, 1)
    server.grow(GROUP)
    joined(cluster, STATIC, 2)
    cluster.spec(spec(tried, POOL.replace("max: 3", "max: 2")))
    cluster.run("apply", "-y", "spec.yaml")
    assert containers() == {first}
    cluster.spec(spec(tried, "      - {name: web, labels: {tier: web}, nodes: 1}\n"))
    cluster.run("apply", "-y", "spec.yaml")
    assert containers() == set()
    until("its Node is gone", lambda: elastic(cluster, STATIC) == set())
    cluster.spec(spec(tried))
    cluster.run("apply", "-y", "spec.yaml")
    until("the server has the group again", lambda: len(server.call("NodeGroups").nodeGroups) == 3)
    until("the target follows", lambda: server.target(GROUP) == 1)


@pytest.mark.full
def test_load_decides_how_many_nodes_of_which_flavor_there_are(
    cluster: Lab, server: Scaler, tried: Subject
) -> None:
    """From zero to the maximum and back, then two flavors; a loop like Cluster Autoscaler's decides.

    In a usual run the tests of this module decide, and `simulation/` how load leads to flavors.
    """
    if tried.vendor:
        pytest.skip("new nodes do not have the image of the pods, which the vendor's release does not bring")
    need((os.cpu_count() or 1) >= scaling.CORES, f"{scaling.CORES} processors")
    assert containers() == set()
    with scaling.scaling(cluster, server, C, STATIC) as load, stand_in(server):
        load.from_zero_to_most()
        load.to_one_and_to_zero()
        load.two_flavors()
    cluster.nothing_to_do()


@pytest.mark.full
def test_a_restore_deletes_elastic_nodes(cluster: Lab, server: Scaler) -> None:
    """Also one that the snapshot knows; the server goes on with the restored cluster, and makes new ones."""
    server.grow(GROUP)
    (known,) = joined(cluster, STATIC, 1)
    cluster.kubectl("create", "configmap", "first")
    cluster.run("snapshot", "save", "--to", cluster.folder / "kept")
    cluster.kubectl("create", "configmap", "later")
    server.grow(GROUP)
    joined(cluster, STATIC, 2)
    saved = next(one for one in (cluster.folder / "kept").iterdir() if one.suffix != ".json")
    both = ", ".join(sorted(containers()))
    assert known in both
    done = cluster.run("snapshot", "restore", "-y", saved)
    assert f"delete the elastic nodes {both}" in " ".join((done.stderr + done.stdout).split())
    assert containers() == set()
    assert "later" not in cluster.kubectl("get", "configmaps", "-o", "name")
    until("their Nodes are gone", lambda: set(cluster.get_names("nodes")) == STATIC)
    until("the server leads again", lambda: server.ready() and server.target(GROUP) == 1)
    cluster.nothing_to_do()


def test_no_secret_leaves_the_servers(cluster: Lab, server: Scaler, tried: Subject) -> None:
    """The agents' token is in no label, log, event or ConfigMap, and in no file that kbootstrap keeps."""
    server.grow(GROUP)
    (name,) = joined(cluster, STATIC, 1)
    file = f"/var/lib/rancher/{tried.distribution}/server/agent-token"
    token = cluster.on_node(f"{C}-control-plane-1", f"cat {file}")
    password = token.rpartition(":")[2]
    assert len(password) > 20
    inspected = subprocess.run([engine(), "inspect", name], capture_output=True, text=True, check=True).stdout
    kept = "".join(
        one.read_text(encoding="utf-8", errors="replace")
        for one in (cluster.folder / ".kbootstrap").rglob("*")
        if one.is_file() and one.stat().st_size < 10**7
    )
    events = cluster.kubectl("get", "events,configmaps", "-A", "-o", "json")
    for text in (inspected, server.log, *server.logs, kept, events):
        assert password not in text
        assert not re.search(r"K10[0-9a-f]{64}::", text)


def test_destroy_leaves_nothing_while_the_server_runs(cluster: Lab, server: Scaler) -> None:
    assert containers()
    server.grow(GROUP)
    cluster.run("destroy", "-y", "spec.yaml")
    assert leftovers("e2e", C) == []
    server.kill()
    assert leftovers("e2e", C) == []
