"""Other ways to build a cluster in a cloud, all in one, and OpenStack's cloud controller in it.

An existing network, a bastion, boot volumes, an encrypted state, a password instead of an application
credential, a load balancer before a pool. The tests run in the order of the file; the last one destroys the
cluster, and its network must still be there.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from kbootstrap.providers.openstack.addons import additions
from kbootstrap.spec.load import load
from tests.cloud.client import EXTERNAL_NETWORK
from tests.e2e.stack import Stack, healed, opens, soon, spec, stack
from tests.e2e.workloads import start_web, web_answers

pytestmark = [pytest.mark.full, pytest.mark.timeout(4000)]
CLUSTER = "v"
SERVER, AGENT, BASTION = f"{CLUSTER}-control-plane-1", f"{CLUSTER}-web-1", f"{CLUSTER}-bastion"
NODES = {SERVER, AGENT}
NAME = f"lab-{CLUSTER}"
PASSPHRASE = "only the operator and this test know it"
CONTROLLER = "cloud_controller: {image: build}"
EXISTING = """existing: {network: company, control_plane_subnet: servers, agents_subnet: agents}, \
boot_volume: {size_gib: 4}, bastion: {flavor: lab.tiny}"""
SPEC = (
    spec(
        CLUSTER,
        "[{name: web, nodes: 1, flavor: lab.medium}]",
        provider=f", {EXISTING}, {CONTROLLER}",
        top="state: {encryption: {passphrase: {env: LAB_STATE}}}\n",
    )
    + "    ingress: {load_balancers: [{name: shop, ports: [80], pool: web}]}\n"
)


def company(sdk: Any) -> None:  # noqa: ANN401 - the SDK's connection
    """Make the network that is there before; its own addresses leave room for those of nodes."""
    network = sdk.network.create_network(name="company")
    outside = sdk.network.find_network(EXTERNAL_NETWORK)
    router = sdk.network.create_router(name="company", external_gateway_info={"network_id": outside.id})
    for name, prefix, length in (("servers", "10.60.0", 24), ("agents", "10.60.4", 22)):
        pool = {"start": f"{prefix}.200", "end": f"{prefix}.240"}
        subnet = sdk.network.create_subnet(
            name=name,
            network_id=network.id,
            ip_version=4,
            cidr=f"{prefix}.0/{length}",
            allocation_pools=[pool],
        )
        sdk.network.add_interface_to_router(router, subnet.id)


def remove_company(sdk: Any) -> None:  # noqa: ANN401
    """Remove it; fails when something of a cluster still uses it."""
    router = sdk.network.find_router("company")
    for name in ("servers", "agents"):
        sdk.network.remove_interface_from_router(router, sdk.network.find_subnet(name).id)
    sdk.network.delete_router(router)
    sdk.network.delete_network(sdk.network.find_network("company"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server, an agent and a bastion in that network, applied once with the user's password."""
    with stack(tmp_path_factory.mktemp("variants"), "variants", password=True) as made:
        sdk = made.cloud.connect(made.project)
        company(sdk)
        made.lab.extra |= {"LAB_STATE": PASSPHRASE, "KBOOTSTRAP_TOFU": made.lab.tool}
        made.spec(SPEC)
        try:
            made.apply()
            made.choose(CLUSTER)
            yield made
        finally:
            if not made.destroyed:
                made.destroy()
            remove_company(sdk)


@pytest.fixture
def cluster(made: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    yield from healed(made, request.session)


def credentials(cluster: Stack) -> list[Any]:
    """Return the application credentials of the project's user that kbootstrap made for the cluster."""
    found = cluster.cloud.connect(cluster.project).identity.application_credentials(cluster.project.user_id)
    return [one for one in found if one.name == NAME]


def secret(cluster: Stack) -> dict[str, Any]:
    """Return the Secret that the controller reads."""
    return cluster.lab.get("-n", "kube-system", "secret", "cloud-config")


def balancers(cluster: Stack) -> dict[str, Any]:
    """Return the project's load balancers by name."""
    found = cluster.cloud.admin.load_balancer.load_balancers(project_id=cluster.project.id)
    return {one.name: one for one in found if one.project_id == cluster.project.id}


def floating(cluster: Stack, name: str) -> str:
    """Return the floating IP of a machine, empty when it has none."""
    found = [
        a["addr"]
        for net in cluster.servers()[name].addresses.values()
        for a in net
        if a["OS-EXT-IPS:type"] == "floating"
    ]
    return str(found[0]) if found else ""


def files_with(cluster: Stack, value: str, *, but: str = "") -> list[str]:
    """Return the files of the operator's folder that have a text."""
    return [
        str(path)
        for path in cluster.lab.folder.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and path.name != but
        and value.encode() in path.read_bytes()
    ]


def test_nodes_are_ready_in_the_network_that_was_there(cluster: Stack) -> None:
    cluster.ready(NODES)
    sdk = cluster.cloud.connect(cluster.project)
    assert [network.name for network in sdk.network.networks(project_id=cluster.project.id)] == ["company"]


def test_nodes_boot_from_volumes(cluster: Stack) -> None:
    sdk = cluster.cloud.connect(cluster.project)
    volumes = list(sdk.block_storage.volumes())
    used = {attached["server_id"] for volume in volumes for attached in volume.attachments}
    assert used == {server.id for server in sdk.compute.servers()}
    assert [volume.size for volume in volumes] == [4, 4, 4]


def test_ssh_goes_through_the_bastion_only(cluster: Stack) -> None:
    soon("SSH answers", lambda: opens(floating(cluster, BASTION), 22))
    assert opens(floating(cluster, SERVER), 22, 6443) == [6443]
    assert cluster.on_node(AGENT, "hostname") == AGENT


def test_the_controller_knows_every_node(cluster: Stack) -> None:
    machines = cluster.ids()
    nodes = {node["metadata"]["name"]: node for node in cluster.lab.get("nodes")["items"]}
    assert nodes.keys() == NODES
    assert machines.keys() == NODES | {BASTION}
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
    assert files_with(cluster, value) == []
    look = "grep -rlF -e " + value + " /etc/rancher /var/lib/kbootstrap /var/lib/rancher/k3s/server/manifests"
    assert cluster.on_node(SERVER, f"sudo {look} || true") == ""


def test_no_secret_is_in_what_is_shared(cluster: Stack) -> None:
    """Those of the operator and of the cluster: in no view, no event, no rendered file, no state, no plan."""
    folder = "/var/lib/rancher/k3s/server"
    tokens = cluster.on_node(SERVER, f"sudo cat {folder}/token {folder}/agent-token")
    token, agent_token = (line.rpartition(":")[2] for line in tokens.split())
    secrets = {
        "password": cluster.project.password,
        "passphrase": PASSPHRASE,
        "token": token,
        "agent token": agent_token,
    }
    assert all(len(value) > 10 for value in secrets.values())
    run, shown = cluster.lab.run, []
    for words in (
        ("plan", "-o", "json", "--out", "saved.plan", "spec.yaml"),
        ("status", "-o", "json", "spec.yaml"),
        ("doctor", "spec.yaml"),
    ):
        done = run(*words)
        shown.append(done.stdout + done.stderr)
    run("render", "--out", "rendered", "spec.yaml")
    for name, value in secrets.items():
        assert not [text for text in shown if value in text], name
        assert files_with(cluster, value, but="clouds.yaml") == [], name


def test_a_real_api_takes_the_manifests_of_the_storage_driver(cluster: Stack) -> None:
    path = cluster.lab.spec(SPEC.replace(CONTROLLER, "block_storage: true"), "s.yaml")
    loaded = load(path).checked(path)
    [manifest] = additions(loaded, loaded.clusters[0]).manifests.values()
    said = cluster.lab.kubectl("apply", "--dry-run=server", "-f", "-", stdin=manifest)
    assert "deployment.apps/cinder-csi-controller created (server dry run)" in said
    assert "storageclass.storage.k8s.io/cinder created (server dry run)" in said


def test_load_balancers_lead_to_a_pod(cluster: Stack) -> None:
    """The one of the spec through a node's port, and one that the controller makes for the Service."""
    start_web(cluster.lab, "type: LoadBalancer, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]")
    port = balancers(cluster)[f"{NAME}-ingress-shop"].vip_port_id
    [shop] = cluster.cloud.admin.network.ips(port_id=port)
    soon("the shop answers", lambda: web_answers(shop.floating_ip_address))

    def address() -> str:
        path = "jsonpath={.status.loadBalancer.ingress[0].ip}"
        return cluster.lab.kubectl("get", "service", "web", "-o", path)

    soon("the Service has an address", address)
    soon("the Service answers", lambda: web_answers(address()))
    assert balancers(cluster).keys() == {f"{NAME}-ingress-shop", f"kube_service_{NAME}_default_web"}


def test_a_second_apply_does_nothing(cluster: Stack) -> None:
    before = secret(cluster)["metadata"]["resourceVersion"]
    cluster.nothing_to_do()
    assert secret(cluster)["metadata"]["resourceVersion"] == before


def test_a_credential_deleted_by_hand_is_recreated(cluster: Stack) -> None:
    [old] = credentials(cluster)
    identity = cluster.cloud.connect(cluster.project).identity
    identity.delete_application_credential(cluster.project.user_id, old.id)
    assert "Secret kube-system/cloud-config" in cluster.changes()
    cluster.apply()
    [new] = credentials(cluster)
    assert secret(cluster)["metadata"]["annotations"]["kbootstrap/mark"].startswith(f"{new.id}.")
    rollout = ("rollout", "status", "daemonset/openstack-cloud-controller-manager", "--timeout=300s")
    cluster.lab.kubectl("-n", "kube-system", *rollout, timeout=330)


def test_the_controller_cannot_be_removed(cluster: Stack) -> None:
    path = cluster.lab.folder / "spec.yaml"
    good = path.read_text(encoding="utf-8")
    cluster.edit(f", {CONTROLLER}", "")
    try:
        assert "KB0811" in cluster.lab.run("plan", "spec.yaml", code=None).stderr
    finally:
        path.write_text(good, encoding="utf-8")


def test_destroy_leaves_what_was_there(cluster: Stack) -> None:
    """The Service is still there: its load balancer and its floating IP go with the cluster."""
    assert "machines (3): v-bastion, v-control-plane-1, v-web-1" in cluster.destroy()
    assert credentials(cluster) == []
    left = {resource.kind for resource in cluster.cloud.leftovers(cluster.project)}
    assert left <= {"network", "subnet", "router", "port"}
    assert cluster.cloud.connect(cluster.project).network.find_router("company") is not None
