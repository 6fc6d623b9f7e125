"""Other ways to build a cluster in a cloud, all in one: existing network, bastion, volumes, and an upgrade.

The tests run in the order of the file; the last one destroys the cluster, and its network must still be
there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kbootstrap.inventory.contract import joined
from tests.cloud.client import EXTERNAL_NETWORK
from tests.e2e.lab import wait_for
from tests.e2e.stack import SPEC, Stack, opens, stack
from tests.e2e.workloads import start_web, web_answers

pytestmark = [pytest.mark.timeout(1200)]
OLD, NEW = "v1.31.0+k3s1", "v1.32.0+k3s1"
EXISTING = """existing: {network: company, control_plane_subnet: servers, agents_subnet: agents}, \
boot_volume: {size_gib: 4}, bastion: {flavor: lab.tiny}"""
VARIANT = (
    SPEC.replace("  ha:", "  v:")
    .replace("image: {name: Debian 12}", f"image: {{name: Debian 12}}, {EXISTING}")
    .replace("nodes: 3", "nodes: 1")
    .replace("web, nodes: 2", "web, nodes: 1")
    .replace("load_balancer", "floating_ip")
    .replace(NEW, OLD)
) + "    ingress: {load_balancers: [{name: shop, ports: [80], pool: web}]}\n"


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
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("variants"), "variants") as made:
        sdk = made.cloud.connect(made.project)
        company(sdk)
        made.spec(VARIANT)
        try:
            made.lab.run("apply", "-y", "spec.yaml", timeout=1000)
            made.lab.kubectl("config", "use-context", "kbootstrap-lab/v")
            yield made
        finally:
            made.lab.run("destroy", "-y", "spec.yaml", timeout=900)
            remove_company(sdk)


def outputs(cluster: Stack) -> dict[str, Any]:
    state = json.loads((cluster.lab.folder / ".kbootstrap" / "v" / "terraform.tfstate").read_text())
    found: dict[str, Any] = joined({k: v["value"] for k, v in state["outputs"].items()})["kbootstrap"]
    return found


def test_nodes_are_ready_in_the_network_that_was_there(cluster: Stack) -> None:
    assert cluster.lab.ready_nodes() == {"v-control-plane-1", "v-web-1"}
    sdk = cluster.cloud.connect(cluster.project)
    assert [network.name for network in sdk.network.networks(project_id=cluster.project.id)] == ["company"]


def test_nodes_boot_from_volumes(cluster: Stack) -> None:
    sdk = cluster.cloud.connect(cluster.project)
    used = {
        attached["server_id"] for volume in sdk.block_storage.volumes() for attached in volume.attachments
    }
    assert used == {server.id for server in sdk.compute.servers()}
    assert [volume.size for volume in sdk.block_storage.volumes()] == [4, 4, 4]


def test_ssh_goes_through_the_bastion_only(cluster: Stack) -> None:
    made = outputs(cluster)
    assert opens(made["bastion"]["address"], 22)
    assert not opens(made["endpoint"]["external"]["host"], 22)
    assert cluster.on_node("v-web-1", "hostname") == "v-web-1"


def test_the_load_balancer_leads_to_a_pod(cluster: Stack) -> None:
    start_web(cluster.lab, "type: NodePort, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]")
    address = outputs(cluster)["load_balancers"]["shop"]["address"]
    wait_for("the shop answers", lambda: web_answers(address), seconds=60)


def test_a_second_apply_does_nothing(cluster: Stack) -> None:
    cluster.nothing_to_do()


def test_a_newer_kubernetes(cluster: Stack) -> None:
    before = {server.id for server in cluster.cloud.connect(cluster.project).compute.servers()}
    spec = cluster.lab.folder / "spec.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace(OLD, NEW), encoding="utf-8")
    cluster.lab.run("apply", "-y", "spec.yaml", timeout=600)
    nodes = cluster.lab.get("nodes")["items"]
    assert [node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes] == [NEW, NEW]
    assert {server.id for server in cluster.cloud.connect(cluster.project).compute.servers()} == before
    cluster.lab.run("apply", "-y", "--detailed-exitcode", "spec.yaml")


def test_destroy_leaves_what_was_there(cluster: Stack) -> None:
    done = cluster.lab.run("destroy", "-y", "spec.yaml", timeout=900)
    assert "machines (3): v-bastion, v-control-plane-1, v-web-1" in done.stderr
    left = {resource.kind for resource in cluster.cloud.leftovers(cluster.project)}
    assert left <= {"network", "subnet", "router", "port"}
    assert cluster.cloud.connect(cluster.project).network.find_router("company") is not None
