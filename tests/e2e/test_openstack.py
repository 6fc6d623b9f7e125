"""A highly available cluster on a real OpenStack: made, looked at, harmed, healed, removed.

The tests run in the order of the file; the last one destroys the cluster, and its project must then be empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kbootstrap.inventory.contract import joined
from tests.e2e.lab import voters, wait_for
from tests.e2e.stack import SPEC, Stack, opens, stack
from tests.e2e.workloads import assert_all_answer, echo_pods

pytestmark = [pytest.mark.timeout(1500)]
CLUSTER = "ha"
SERVERS = {f"{CLUSTER}-control-plane-{n}" for n in (1, 2, 3)}
NODES = SERVERS | {f"{CLUSTER}-web-1", f"{CLUSTER}-web-2"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The cluster of `specs/openstack-lab.yaml`, applied once for this module."""
    with stack(tmp_path_factory.mktemp("openstack"), "ha") as made:
        made.spec(SPEC)
        try:
            done = made.lab.run("apply", "-y", "spec.yaml", timeout=1200)
            (made.lab.folder / "applied.err").write_text(done.stderr)
            made.lab.kubectl("config", "use-context", f"kbootstrap-lab/{CLUSTER}")
            yield made
        finally:
            made.lab.run("destroy", "-y", "spec.yaml", timeout=900)


def servers(cluster: Stack) -> dict[str, Any]:
    """Return the machines of the project as the cloud's operator sees them, by name."""
    found = cluster.cloud.admin.compute.servers(all_projects=True, project_id=cluster.project.id)
    return {server.name: server for server in found}


def outputs(cluster: Stack) -> dict[str, Any]:
    """Return the output contract out of the state."""
    state = json.loads((cluster.lab.folder / ".kbootstrap" / CLUSTER / "terraform.tfstate").read_text())
    found: dict[str, Any] = joined({k: v["value"] for k, v in state["outputs"].items()})["kbootstrap"]
    return found


def test_all_nodes_are_ready(cluster: Stack) -> None:
    assert cluster.lab.ready_nodes() == NODES
    wait_for("three voters", lambda: voters(cluster.lab) == 3, seconds=60)


def test_a_pool_with_hard_anti_affinity_is_on_two_hosts(cluster: Stack) -> None:
    made = servers(cluster)
    assert made[f"{CLUSTER}-web-1"].compute_host != made[f"{CLUSTER}-web-2"].compute_host


def test_host_keys_were_pinned_from_the_console(cluster: Stack) -> None:
    """The pin of each machine is the key that its console printed, not that of a first contact."""
    pins = (cluster.lab.folder / ".kbootstrap" / f"{CLUSTER}.run" / "known_hosts").read_text()
    for name, server in servers(cluster).items():
        console = cluster.cloud.admin.compute.get_server_console_output(server.id)["output"]
        pinned = [line.split()[1:3] for line in pins.splitlines() if line.split()[0] == name]
        assert pinned, f"{name} is not pinned"
        assert all(" ".join(key) in console for key in pinned)


def test_the_api_answers_at_the_load_balancer(cluster: Stack) -> None:
    config = cluster.lab.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    assert config == f"https://{outputs(cluster)['endpoint']['external']['host']}:6443"
    assert cluster.lab.kubectl("get", "--raw", "/readyz") == "ok"


def test_every_pod_answers_from_every_node(cluster: Stack) -> None:
    pods = echo_pods(cluster.lab)
    assert set(pods) == NODES
    assert_all_answer(cluster.lab, pods)


def test_only_what_the_table_says_is_open(cluster: Stack) -> None:
    """From outside, and from the agents' subnet to the control plane."""
    public = outputs(cluster)["nodes"][f"{CLUSTER}-control-plane-1"]["public_address"]
    assert opens(public, 22)
    assert not [port for port in (2379, 2380, 10250, 30080) if opens(public, port)]
    ports = (6443, 10250, 2379, 2380, 22)
    tries = (f'timeout 3 bash -c "</dev/tcp/10.60.0.12/{port}" 2>/dev/null && echo {port}' for port in ports)
    answers = cluster.on_node(f"{CLUSTER}-web-1", "; ".join((*tries, "true")))
    assert answers.split() == ["6443", "10250", "22"]  # SSH, because this spec lets everybody in
    rules = list(cluster.cloud.admin.network.security_group_rules(project_id=cluster.project.id))
    ours = [rule for rule in rules if rule.direction == "ingress" and rule.description]
    assert len(ours) <= 20


def test_a_second_apply_does_nothing(cluster: Stack) -> None:
    cluster.nothing_to_do()
    cluster.lab.run("plan", "--detailed-exitcode", "spec.yaml", code=0)


def test_doctor_finds_nothing_wrong(cluster: Stack) -> None:
    cluster.lab.run("doctor", "spec.yaml")


def test_a_rule_deleted_by_hand_is_shown_and_healed(cluster: Stack) -> None:
    network = cluster.cloud.admin.network
    rules = network.security_group_rules(project_id=cluster.project.id)
    name = "control_plane->control_plane-tcp-2379-2380"
    [rule] = [rule for rule in rules if rule.description == name]
    network.delete_security_group_rule(rule)
    planned = cluster.lab.run("plan", "--detailed-exitcode", "spec.yaml", code=2)
    assert name in planned.stderr
    cluster.lab.run("apply", "-y", "spec.yaml")
    rules = network.security_group_rules(project_id=cluster.project.id)
    assert [rule for rule in rules if rule.description == name]


def test_a_machine_renamed_by_hand_gets_its_name_back(cluster: Stack) -> None:
    compute = cluster.cloud.admin.compute
    name = f"{CLUSTER}-web-2"
    compute.update_server(servers(cluster)[name], name="renamed")
    assert name in cluster.lab.run("plan", "--detailed-exitcode", "spec.yaml", code=2).stderr
    cluster.lab.run("apply", "-y", "spec.yaml")
    assert name in servers(cluster)


def test_a_renamed_pool_keeps_its_machines(cluster: Stack) -> None:
    before = {name: server.id for name, server in servers(cluster).items()}
    spec = cluster.lab.folder / "spec.yaml"
    text = spec.read_text(encoding="utf-8")
    assert "{name: web," in text
    spec.write_text(text.replace("{name: web,", "{name: front, renamed_from: [web],"), encoding="utf-8")
    cluster.lab.run("apply", "-y", "spec.yaml")
    assert {name: server.id for name, server in servers(cluster).items()} == before
    assert cluster.lab.ready_nodes() == NODES
    cluster.lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def test_nodes_get_new_machines(cluster: Stack) -> None:
    """An agent, then the first server: same names and addresses, other machines, the rest untouched."""
    before, addresses = servers(cluster), outputs(cluster)["nodes"]
    chosen = (f"{CLUSTER}-web-1", f"{CLUSTER}-control-plane-1")
    cluster.lab.run("replace", "-y", "spec.yaml", *chosen, timeout=900)
    after = servers(cluster)
    assert {name for name in after if after[name].id != before[name].id} == set(chosen)
    assert set(after) == set(before)
    for name, node in outputs(cluster)["nodes"].items():
        assert node["address"] == addresses[name]["address"]
    assert cluster.lab.ready_nodes() == NODES
    wait_for("three voters", lambda: voters(cluster.lab) == 3, seconds=60)
    cluster.lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def test_the_loss_of_the_first_server(cluster: Stack) -> None:
    """The API goes on behind the load balancer; `apply` makes the machine again, and it joins."""
    gone = f"{CLUSTER}-control-plane-1"
    cluster.cloud.admin.compute.delete_server(servers(cluster)[gone], force=True)
    wait_for("the machine is gone", lambda: gone not in servers(cluster), seconds=60)
    wait_for("the API answers", lambda: cluster.lab.kubectl("get", "--raw", "/readyz"), seconds=60)
    assert gone in cluster.lab.run("plan", "--detailed-exitcode", "spec.yaml", code=2).stderr
    cluster.lab.run("apply", "-y", "spec.yaml", timeout=900)
    wait_for("all nodes are ready", lambda: cluster.lab.ready_nodes() == NODES, seconds=120)
    wait_for("three voters", lambda: voters(cluster.lab) == 3, seconds=60)
    cluster.lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
