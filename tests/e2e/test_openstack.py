"""A highly available cluster on a real OpenStack: made, looked at, harmed, healed, removed.

The tests run in the order of the file; the last one destroys the cluster, and its project must then be empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.stack import LONG, SPEC, Stack, healed, opens, soon, stack
from tests.e2e.workloads import assert_all_answer, echo_pods

pytestmark = [pytest.mark.timeout(4000)]
CLUSTER = "ha"
FIRST = f"{CLUSTER}-control-plane-1"
SECOND = f"{CLUSTER}-control-plane-2"
AGENTS = (f"{CLUSTER}-web-1", f"{CLUSTER}-web-2")
NODES = {f"{CLUSTER}-control-plane-{n}" for n in (1, 2, 3)} | {*AGENTS}
MOUNT = "/var/lib/data"
VOLUMES = f"volumes: [{{name: data, size_gib: 1, mount: {MOUNT}}}]"


first: list[dict[str, Any]] = []
"""The events of the first apply."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The cluster of `specs/openstack-lab.yaml`, applied once; its agents have a volume each."""
    with stack(tmp_path_factory.mktemp("openstack"), "ha") as made:
        made.spec(SPEC.replace("anti_affinity: hard", f"anti_affinity: hard, {VOLUMES}"))
        try:
            made.apply()
            made.choose(CLUSTER)
            first.extend(made.events())
            yield made
        finally:
            made.destroy()


@pytest.fixture
def cluster(made: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    yield from healed(made, request.session)


def test_all_nodes_are_ready(cluster: Stack) -> None:
    cluster.ready(NODES, voting=3)


@pytest.mark.usefixtures("cluster")
def test_nodes_were_installed_while_opentofu_went_on() -> None:
    """The first server was used before OpenTofu had ended; agents joined through the load balancer."""
    phases = {
        (one["phase"], one["status"]): number for number, one in enumerate(first) if one["type"] == "phase"
    }
    assert phases["connect", "started"] < phases["infrastructure", "done"] < phases["nodes", "done"]
    assert {one["phase"] for one in first if one.get("step", "").startswith("create module.")} == {
        "infrastructure"
    }
    ends = {
        (one.get("node"), one["step"]): number
        for number, one in enumerate(first)
        if one["type"] == "step" and one["status"] == "done"
    }
    entered = ends[None, "wait until nodes can join through the registration address"]
    assert all(ends[f"{CLUSTER}-web-{n}", "start k3s-agent.service"] > entered for n in (1, 2))


@pytest.mark.usefixtures("cluster")
def test_files_went_through_the_bastion_once() -> None:
    waits = [
        (one["node"], one["detail"]) for one in first if one.get("status") == "waiting" and "node" in one
    ]
    passed = {node for node, detail in waits if detail == f"{FIRST} passes it on"}
    assert passed == NODES - {FIRST}
    assert not [detail for _, detail in waits if "cannot pass it on" in str(detail)]


def test_what_servers_pass_on_is_offered_to_nodes_only_and_for_a_while(cluster: Stack) -> None:
    public = cluster.outputs(CLUSTER)["nodes"][FIRST]["public_address"]
    assert opens(public, *range(30000, 30020)) == []
    found = cluster.on_node(FIRST, "sudo ss -ltnp | grep -E ':3[0-2][0-9]{3} .*python' || echo none")
    assert found == "none"


def test_a_pool_with_hard_anti_affinity_is_on_two_hosts(cluster: Stack) -> None:
    made = cluster.servers()
    assert made[f"{CLUSTER}-web-1"].compute_host != made[f"{CLUSTER}-web-2"].compute_host


def test_host_keys_were_pinned_from_the_console(cluster: Stack) -> None:
    cluster.pinned_from_the_console(CLUSTER, cluster.ids())


def test_the_api_answers_at_the_load_balancer(cluster: Stack) -> None:
    config = cluster.lab.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    assert config == f"https://{cluster.outputs(CLUSTER)['endpoint']['external']['host']}:6443"
    assert cluster.lab.kubectl("get", "--raw", "/readyz") == "ok"


def test_every_pod_answers_from_every_node(cluster: Stack) -> None:
    pods = echo_pods(cluster.lab)
    assert set(pods) == NODES
    assert_all_answer(cluster.lab, pods)


def test_only_what_the_table_says_is_open(cluster: Stack) -> None:
    """From outside, and from the agents' subnet to the control plane."""
    public = cluster.outputs(CLUSTER)["nodes"][FIRST]["public_address"]
    soon("SSH answers", lambda: opens(public, 22))
    assert opens(public, 2379, 2380, 10250, 30080) == []
    # All at once, each with ten seconds: a busy machine takes its time.
    tries = (
        f'(timeout 10 bash -c "</dev/tcp/10.60.0.12/{port}" 2>/dev/null && echo {port}) &'
        for port in (6443, 10250, 2379, 2380, 22)
    )
    answers = cluster.on_node(f"{CLUSTER}-web-1", " ".join((*tries, "wait")))
    # SSH, because this spec allows it from everywhere.
    assert sorted(map(int, answers.split())) == [22, 6443, 10250]
    rules = list(cluster.cloud.admin.network.security_group_rules(project_id=cluster.project.id))
    ours = [rule for rule in rules if rule.direction == "ingress" and rule.description]
    assert len(ours) <= 20


def test_a_second_apply_does_nothing(cluster: Stack) -> None:
    """It refreshes each resource once, while the nodes are asked."""
    cluster.nothing_to_do()
    events = cluster.events()
    said = [one["detail"] for one in events if one["type"] == "log" and "Refreshing state" in one["detail"]]
    assert len(said) == len(set(said)) > 20
    connected = next(
        n for n, one in enumerate(events) if one.get("phase") == "connect" and one["type"] == "phase"
    )
    refreshed = max(n for n, one in enumerate(events) if "Refresh complete" in str(one.get("detail")))
    assert connected < refreshed
    cluster.lab.run("plan", "--detailed-exitcode", "spec.yaml", code=0)


def test_doctor_finds_nothing_wrong(cluster: Stack) -> None:
    cluster.lab.run("doctor", "spec.yaml")


def test_volumes_are_mounted_by_their_ids(cluster: Stack) -> None:
    for node in AGENTS:
        said = cluster.on_node(node, f"findmnt -no SOURCE,FSTYPE {MOUNT}; readlink -f {cluster.disk(node)}")
        source, link = said.splitlines()
        assert source.split() == [link, "ext4"]
        cluster.on_node(node, f"echo {node} | sudo tee {MOUNT}/text")


def test_what_was_changed_by_hand_is_shown_and_healed(cluster: Stack) -> None:
    """A rule was deleted, a server renamed, an agent shut off, the other and the first server deleted.

    The API goes on behind the load balancer; `apply` makes the machines again, and they join. The new agent
    has the volume of the old one.
    """
    network, (halted, deleted) = cluster.cloud.admin.network, AGENTS
    description = "nodes->agents-tcp-10250"
    volumes = {node: cluster.attached(node) for node in AGENTS}

    def rules() -> list[object]:
        found = network.security_group_rules(project_id=cluster.project.id)
        return [rule for rule in found if rule.description == description]

    [rule] = rules()
    network.delete_security_group_rule(rule)
    before = cluster.ids()
    cluster.cloud.admin.compute.update_server(cluster.servers()[SECOND], name="renamed")
    cluster.cloud.admin.compute.stop_server(cluster.servers()[halted])
    cluster.lose(deleted)
    cluster.lose(FIRST)
    soon("the API answers", lambda: cluster.lab.kubectl("get", "--raw", "/readyz"))
    planned = cluster.changes()
    assert description in planned
    assert SECOND in planned
    assert FIRST in planned
    assert deleted in planned
    cluster.apply()
    assert rules()
    after = cluster.ids()
    assert {node for node in NODES if after[node] != before[node]} == {FIRST, deleted}
    cluster.ready(NODES, voting=3)
    for node in AGENTS:
        assert cluster.attached(node) == volumes[node]
        assert cluster.on_node(node, f"cat {MOUNT}/text") == node
    cluster.nothing_to_do()


@pytest.mark.full
def test_a_renamed_pool_keeps_its_machines(cluster: Stack) -> None:
    """In a usual run `newcomer/test_changes.py` has it: modules move the same way in each root."""
    before = cluster.ids()
    cluster.edit("{name: web,", "{name: front, renamed_from: [web],")
    cluster.apply()
    assert cluster.ids() == before
    cluster.ready(NODES)


@pytest.mark.full
@pytest.mark.parametrize(
    "chosen", [(f"{CLUSTER}-web-2",), (FIRST,), (f"{CLUSTER}-web-1", f"{CLUSTER}-control-plane-2")]
)
def test_nodes_get_new_machines(cluster: Stack, chosen: tuple[str, ...]) -> None:
    """Same names and addresses, other machines, the rest untouched.

    In a usual run the first server gets a new machine above, and agents do in `day_two/` and with a volume.
    """
    before, addresses = cluster.ids(), cluster.outputs(CLUSTER)["nodes"]
    cluster.lab.run("replace", "-y", "spec.yaml", *chosen, timeout=LONG)
    after = cluster.ids()
    assert {name for name in after if after[name] != before[name]} == set(chosen)
    assert set(after) == set(before)
    for name, node in cluster.outputs(CLUSTER)["nodes"].items():
        assert node["address"] == addresses[name]["address"]
    cluster.ready(NODES, voting=3)
    cluster.nothing_to_do()
