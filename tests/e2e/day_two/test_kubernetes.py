"""What Kubernetes must do on a cluster of several servers, after an upgrade and with other machines."""

from __future__ import annotations

import json

import pytest

from tests.e2e.day_two.names import DB_1, OTHERS, S1, S2, S3, SHOP_1, spec
from tests.e2e.lab import Lab, voters, wait_for
from tests.e2e.workloads import BOX, Pods, assert_all_answer, echo_pods

SPEC = spec(pools=OTHERS)
NODES = {S1, S2, S3, SHOP_1, DB_1}


@pytest.fixture(scope="module")
def pods(cluster: Lab) -> Pods:
    """One echo pod on every node: node name to pod name and address."""
    return echo_pods(cluster)


def test_all_nodes_are_ready_with_their_labels_and_taints(cluster: Lab) -> None:
    assert cluster.ready_nodes() == NODES
    web = cluster.get("node", SHOP_1)
    assert web["metadata"]["labels"]["tier"] == "web"
    db = cluster.get("node", DB_1)
    assert {"key": "dedicated", "value": "db", "effect": "NoSchedule"} in db["spec"]["taints"]


def test_three_servers_are_voters_of_one_etcd(cluster: Lab) -> None:
    wait_for("three voters", lambda: voters(cluster) == 3)  # k3s reports it some seconds later


def test_addresses_come_from_the_two_subnets(cluster: Lab) -> None:
    found = {
        item["metadata"]["name"]: next(
            a["address"] for a in item["status"]["addresses"] if a["type"] == "InternalIP"
        )
        for item in cluster.get("nodes")["items"]
    }
    assert found[S2] == f"{cluster.prefix}.0.12"
    assert found[SHOP_1].startswith(f"{cluster.prefix}.4.")


def test_every_pod_answers_from_every_node(cluster: Lab, pods: Pods) -> None:
    assert set(pods) == NODES
    assert_all_answer(cluster, pods)


def test_cluster_dns_resolves_a_service(cluster: Lab, pods: Pods) -> None:
    name = pods[SHOP_1][0]

    def resolved() -> bool:
        probe = ("exec", name, "--", "nslookup", "echo.default.svc.cluster.local")
        answer = cluster.kubectl(*probe, check=False)
        return all(address in answer for _, address in pods.values())

    wait_for("the cluster's DNS has the Service", resolved)


def test_a_network_policy_blocks(cluster: Lab, pods: Pods) -> None:
    source, target = pods[SHOP_1][0], pods[S1][1]
    probe = ["exec", source, "--", "nc", "-w", "2", target, "8080"]
    assert cluster.kubectl(*probe)
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny"},
        "spec": {"podSelector": {"matchLabels": {"app": "echo"}}, "policyTypes": ["Ingress"]},
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(policy))
    try:
        wait_for("the policy blocks", lambda: not cluster.kubectl(*probe, check=False))
    finally:
        cluster.kubectl("delete", "networkpolicy", "deny")
    wait_for("the pod answers again", lambda: cluster.kubectl(*probe, check=False))


def test_kubectl_top_shows_every_node(cluster: Lab) -> None:
    wait_for(
        "metrics of every node",
        lambda: all(name in cluster.kubectl("top", "nodes", check=False) for name in NODES),
        every=3,
    )


def test_a_local_path_volume_keeps_its_data(cluster: Lab) -> None:
    def pod(command: str) -> str:
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "keeper"},
                "spec": {
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 0,
                    "containers": [
                        {
                            "name": "box",
                            "image": BOX,
                            "imagePullPolicy": "Never",
                            "command": ["sh", "-c", command],
                            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                        }
                    ],
                    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "keeper"}}],
                },
            }
        )

    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "keeper"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Mi"}}},
    }

    def finished() -> bool:
        phase = cluster.get("pod", "keeper")["status"]["phase"]
        return bool(phase == "Succeeded")

    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(claim))
    cluster.kubectl("apply", "-f", "-", stdin=pod("echo precious > /data/file"))
    wait_for("the first pod has written", finished)
    cluster.kubectl("delete", "pod", "keeper")
    cluster.kubectl("apply", "-f", "-", stdin=pod("cat /data/file"))
    wait_for("the second pod has read", finished)
    assert cluster.kubectl("logs", "keeper").strip() == "precious"
    cluster.kubectl("delete", "pod", "keeper")
    cluster.kubectl("delete", "persistentvolumeclaim", "keeper")


def test_a_second_apply_does_nothing(cluster: Lab) -> None:
    def restarts() -> dict[str, str]:
        units = "systemctl show -p NRestarts -p ExecMainStartTimestampMonotonic k3s.service k3s-agent.service"
        return {name: cluster.on_node(name, units) for name in NODES}

    before = restarts()
    done = cluster.run("apply", "-y", "--detailed-exitcode", "spec.yaml")
    assert "nothing to do" in (done.stderr + done.stdout).lower()
    assert restarts() == before
    cluster.run("plan", "--detailed-exitcode", "spec.yaml", code=0)


def test_status_says_that_all_is_well(cluster: Lab) -> None:
    said = json.loads(cluster.run("status", "-o", "json", "spec.yaml").stdout)
    assert said["version"] == 1
    assert {node["name"] for one in said["clusters"] for node in one["nodes"]} >= NODES


def test_the_api_answers_when_one_server_is_gone(cluster: Lab) -> None:
    gone = S1
    cluster.on_node(gone, "systemctl stop k3s")
    try:
        wait_for("the API answers through the endpoint", lambda: cluster.get("nodes"))
    finally:
        cluster.on_node(gone, "systemctl start k3s")
    wait_for("all nodes are ready again", lambda: cluster.ready_nodes() == NODES)
