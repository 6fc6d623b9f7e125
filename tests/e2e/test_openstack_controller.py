"""OpenStack's cloud controller in a cluster on a real OpenStack: built, sent, run, and gone after `destroy`.

The tests run in the order of the file; the last one destroys the cluster, and its project must then be empty.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from kbootstrap.providers.openstack.addons import additions
from kbootstrap.spec.load import load
from tests.e2e.lab import wait_for
from tests.e2e.stack import Stack, stack
from tests.e2e.workloads import start_web, web_answers

pytestmark = [pytest.mark.timeout(1500)]
NODES = {"cc-control-plane-1", "cc-web-1"}
NAME = "lab-cc"
PASSPHRASE = "only the operator and this test know it"
SPEC = """\
apiVersion: kbootstrap/v1alpha1
name: lab
state: {encryption: {passphrase: {env: LAB_STATE}}}
clusters:
  cc:
    provider:
      openstack:
        cloud: kbootstrap-lab
        external_network: public
        image: {name: Debian 12}
        cloud_controller: {image: build}
    kubernetes: {distribution: k3s, version: v1.32.0+k3s1}
    network: {cidr: 10.63.0.0/16, control_plane: 10.63.0.0/24, agents: 10.63.4.0/22}
    api: {endpoint: floating_ip, allowed_cidrs: [0.0.0.0/0]}
    ssh: {allowed_cidrs: [0.0.0.0/0]}
    control_plane: {nodes: 1, flavor: lab.medium}
    pools:
      - {name: web, nodes: 1, flavor: lab.medium}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server and an agent, applied once for this module with the user's password."""
    with stack(tmp_path_factory.mktemp("controller"), "cc", password=True) as made:
        made.lab.extra |= {"LAB_STATE": PASSPHRASE, "KBOOTSTRAP_TOFU": made.lab.tool}
        made.spec(SPEC)
        try:
            made.lab.run("apply", "-y", "spec.yaml", timeout=1200)
            made.lab.kubectl("config", "use-context", "kbootstrap-lab/cc")
            yield made
        finally:
            made.lab.run("destroy", "-y", "spec.yaml", timeout=900)


def credentials(cluster: Stack) -> list[Any]:
    """Return the application credentials of the project's user that kbootstrap made for the cluster."""
    found = cluster.cloud.connect(cluster.project).identity.application_credentials(cluster.project.user_id)
    return [one for one in found if one.name == NAME]


def secret(cluster: Stack) -> dict[str, Any]:
    """Return the Secret that the controller reads."""
    found: dict[str, Any] = json.loads(
        cluster.lab.kubectl("-n", "kube-system", "get", "secret", "cloud-config", "-o", "json")
    )
    return found


def test_the_controller_knows_every_node(cluster: Stack) -> None:
    compute = cluster.cloud.admin.compute
    machines = {s.name: s.id for s in compute.servers(all_projects=True, project_id=cluster.project.id)}
    nodes = {node["metadata"]["name"]: node for node in cluster.lab.get("nodes")["items"]}
    assert nodes.keys() == machines.keys() == NODES
    for name, node in nodes.items():
        assert node["spec"]["providerID"].rpartition("/")[2] == machines[name]
        assert node["spec"]["providerID"].startswith("openstack://")
        assert not node["spec"].get("taints")


def test_the_credential_is_restricted_and_has_few_roles(cluster: Stack) -> None:
    [one] = credentials(cluster)
    assert not one.unrestricted
    # The user has `creator` besides; Keystone adds what `member` implies.
    assert {role["name"] for role in one.roles} == {"member", "load-balancer_member", "reader"}
    assert secret(cluster)["metadata"]["annotations"]["kbootstrap/mark"].startswith(f"{one.id}.")


def test_the_secret_is_nowhere_but_in_the_cluster(cluster: Stack) -> None:
    """Not in the state, not in kbootstrap's files, and not in what the servers deploy."""
    text = base64.b64decode(secret(cluster)["data"]["cloud.conf"]).decode()
    [value] = [line.split('"')[1] for line in text.splitlines() if "credential-secret" in line]
    for path in cluster.lab.folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert value.encode() not in path.read_bytes(), path
    look = "grep -rlF -e " + value + " /etc/rancher /var/lib/kbootstrap /var/lib/rancher/k3s/server/manifests"
    assert cluster.on_node("cc-control-plane-1", f"sudo {look} || true") == ""


def test_no_secret_is_in_what_is_shared(cluster: Stack) -> None:
    """Those of the operator and of the cluster: in no view, no event, no rendered file, no state, no plan."""
    token = cluster.on_node("cc-control-plane-1", "sudo cat /var/lib/rancher/k3s/server/token").rpartition(
        ":"
    )[2]
    secrets = {
        "password": cluster.project.password,
        "passphrase": PASSPHRASE,
        "token": token,
        "agent token": cluster.on_node(
            "cc-control-plane-1", "sudo cat /var/lib/rancher/k3s/server/agent-token"
        ).rpartition(":")[2],
    }
    assert all(len(value) > 10 for value in secrets.values())
    run, shown = cluster.lab.run, []
    for form in ("human", "json", "markdown", "github"):
        done = run("plan", "-o", form, "--out", "saved.plan", "spec.yaml")
        shown.append(done.stdout + done.stderr)
    for words in (("status", "-o", "json", "spec.yaml"), ("doctor", "spec.yaml")):
        done = run(*words)
        shown.append(done.stdout + done.stderr)
    run("render", "--out", "rendered", "spec.yaml")
    for name, value in secrets.items():
        assert not [text for text in shown if value in text], name
        for path in cluster.lab.folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.name != "clouds.yaml":
                assert value.encode() not in path.read_bytes(), f"{name} in {path}"


def test_a_real_api_takes_the_manifests_of_the_storage_driver(cluster: Stack) -> None:
    path = cluster.lab.spec(SPEC.replace("cloud_controller: {image: build}", "block_storage: true"), "s.yaml")
    spec = load(path).checked(path)
    [manifest] = additions(spec, spec.clusters[0]).manifests.values()
    said = cluster.lab.kubectl("apply", "--dry-run=server", "-f", "-", stdin=manifest)
    assert "deployment.apps/cinder-csi-controller created (server dry run)" in said
    assert "storageclass.storage.k8s.io/cinder created (server dry run)" in said


def test_a_service_answers_through_octavia(cluster: Stack) -> None:
    start_web(cluster.lab, "type: LoadBalancer, ports: [{port: 80, targetPort: 8080}]")

    def address() -> str:
        path = "jsonpath={.status.loadBalancer.ingress[0].ip}"
        return cluster.lab.kubectl("get", "service", "web", "-o", path)

    wait_for("the Service has an address", address, seconds=240)
    wait_for("the Service answers", lambda: web_answers(address()), seconds=120)
    balancers = cluster.cloud.admin.load_balancer.load_balancers(project_id=cluster.project.id)
    [found] = [b for b in balancers if b.project_id == cluster.project.id]
    assert found.name == f"kube_service_{NAME}_default_web"


def test_a_second_apply_does_nothing(cluster: Stack) -> None:
    before = secret(cluster)["metadata"]["resourceVersion"]
    cluster.nothing_to_do()
    assert secret(cluster)["metadata"]["resourceVersion"] == before


def test_a_credential_deleted_by_hand_is_made_again(cluster: Stack) -> None:
    [old] = credentials(cluster)
    identity = cluster.cloud.connect(cluster.project).identity
    identity.delete_application_credential(cluster.project.user_id, old.id)
    planned = cluster.lab.run("plan", "--detailed-exitcode", "spec.yaml", code=2)
    assert "Secret kube-system/cloud-config" in planned.stderr
    cluster.lab.run("apply", "-y", "spec.yaml")
    [new] = credentials(cluster)
    assert secret(cluster)["metadata"]["annotations"]["kbootstrap/mark"].startswith(f"{new.id}.")
    cluster.lab.kubectl(
        "-n",
        "kube-system",
        "rollout",
        "status",
        "daemonset/openstack-cloud-controller-manager",
        "--timeout=60s",
    )


def test_the_controller_cannot_be_taken_away(cluster: Stack) -> None:
    without = (cluster.lab.folder / "spec.yaml").read_text()
    cluster.lab.spec(without.replace("        cloud_controller: {image: build}\n", ""))
    try:
        assert "KB0811" in cluster.lab.run("plan", "spec.yaml", code=None).stderr
    finally:
        cluster.lab.spec(without)


def test_destroy_removes_the_credential_too(cluster: Stack) -> None:
    """The Service is still there: its load balancer and its floating IP go with the cluster."""
    cluster.lab.run("destroy", "-y", "spec.yaml", timeout=900)
    assert credentials(cluster) == []
    assert cluster.cloud.leftovers(cluster.project) == ()
