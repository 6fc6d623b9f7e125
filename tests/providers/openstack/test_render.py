from __future__ import annotations

import pytest

from kbootstrap.core.errors import SpecInvalid
from kbootstrap.providers.cloud.exposure import ALL_ADDRESSES
from kbootstrap.providers.openstack.render import freeze, render
from kbootstrap.spec.lock import Lock, allocate
from kbootstrap.spec.pins import ImagePin
from tests.providers.openstack.samples import CLOUD, WEB, root, spec
from tests.render.trees import pinned


def test_files_and_modules() -> None:
    found = root()
    assert sorted(found.files) == [
        "backend.tf",
        "cluster.tf",
        "control_plane.tf",
        "endpoint.tf",
        "network.tf",
        "outputs.tf",
        "pool_web.tf",
        "providers.tf",
        "security.tf",
        "variables.tf",
        "versions.tf",
    ]
    assert "openstack/bastion" not in found.modules
    own = root(f"{CLOUD}, bastion: {{flavor: xs}}")
    assert "openstack/bastion" in own.modules
    assert 'flavor = "xs"' in own.files["bastion.tf"]
    assert found.providers == ("openstack",)


def test_a_further_pool_is_one_file_more() -> None:
    before, after = root(), root(pools=f"{WEB}, {{name: db, nodes: 1, flavor: l}}")
    assert after.files.keys() - before.files.keys() == {"pool_db.tf"}
    assert [name for name, text in before.files.items() if after.files[name] != text] == []


def test_waiting_machines_keep_their_flavor() -> None:
    wanted = spec(pools=f"{WEB}, {{name: db, nodes: 2, flavor: l}}")
    cluster, lock = wanted.clusters[0], pinned(wanted)
    assert freeze(cluster, lock, {}) == ""
    had = {"c-db-1": {"flavor_name": "l"}, "c-db-2": {"flavor_name": "m"}, "gone-1": {"flavor_name": "s"}}
    assert freeze(cluster, lock, {**had, "c-web-1": {}}).split() == [
        *("module", '"pool_db"', "{", "nodes", "=", "{"),
        *('"c-db-1"', "=", "{", "address", "=", '"10.9.4.27"', "}"),
        *('"c-db-2"', "=", "{", "address", "=", '"10.9.4.28"', "flavor", "=", '"m"', "}"),
        *("}", "}"),
    ], "nodes with the new one, unknown and removed nodes are not frozen"


def test_another_version_of_kubernetes_touches_no_infrastructure() -> None:
    assert root(version="kubernetes: {version: v1.31.0+k3s1}") == root()


@pytest.mark.parametrize(
    ("servers", "more", "expected"),
    [
        (1, "", ['kind    = "floating_ip"', '"10.9.0.11"', 'nodes["c-control-plane-1"].public_address']),
        (3, "", ['kind    = "load_balancer"', '"10.9.0.10"', '"c-control-plane-3" = "10.9.0.13"']),
        (3, ", api: {endpoint: virtual_ip}", ['"virtual_ip"', '"10.9.0.10"', "= module.network.network\n"]),
        (3, ", api: {endpoint: floating_ip}", ['kind    = "floating_ip"', '"10.9.0.11"']),
        (3, ", api: {endpoint: api.example.org}", ['kind    = "named"', '"api.example.org"']),
    ],
)
def test_endpoints(servers: int, more: str, expected: list[str]) -> None:
    text = root(servers=servers, more=more).files["endpoint.tf"]
    for part in expected:
        assert part in text


@pytest.mark.parametrize(
    ("cloud", "servers", "public"),
    [
        (CLOUD, 3, True),  # SSH goes through the first server
        (f"{CLOUD}, bastion: none", 3, False),
        (f"{CLOUD}, bastion: none", 1, True),  # the API answers there
        (f"{CLOUD}, bastion: {{flavor: xs}}", 3, False),
    ],
)
def test_the_first_server_is_public_where_something_arrives_there(
    cloud: str, servers: int, public: bool
) -> None:
    text = root(cloud, servers=servers).files["control_plane.tf"]
    assert text.count("public") == int(public)


def test_only_servers_may_answer_for_a_virtual_ip() -> None:
    files = root(more=", api: {endpoint: virtual_ip}").files
    assert 'shared_addresses = ["10.9.0.10"]' in " ".join(files["control_plane.tf"].split())
    assert "shared_addresses" not in files["pool_web.tf"] + root().files["control_plane.tf"]


def test_public_load_balancers_have_files_of_their_own() -> None:
    balancers = "{name: a, ports: [80], pool: web}, {name: b-2, ports: [443], pool: web}"
    found = root(more=f", ingress: {{load_balancers: [{balancers}]}}")
    assert {"ingress_a.tf", "ingress_b-2.tf"} <= found.files.keys()
    assert "module.pool_web.nodes" in found.files["ingress_a.tf"]
    assert "module.ingress_b-2.load_balancer" in found.files["outputs.tf"]
    assert "openstack/ingress" in found.modules
    assert found.provenance["module.ingress_b-2"] == ("clusters", "c", "ingress", "load_balancers", 1)


def test_octavias_provider_decides_the_source_of_traffic_to_nodes() -> None:
    for provider, direct, keeps in (("amphora", "false", "false"), ("ovn", "true", "true")):
        files = root(f"{CLOUD}, load_balancer: {{provider: {provider}}}").files
        assert f"api_direct        = {direct}" in files["security.tf"]
        assert f"keeps_client_addresses = {keeps}" in files["security.tf"]
        assert f'provider = "{provider}"' in files["endpoint.tf"]


def test_nodes_that_give_each_other_images_reach_the_ports() -> None:
    assert "image_ports" not in root().files["security.tf"]
    found = root(more=", registries: {embedded_mirror: true}").files["security.tf"]
    assert "image_ports = [5001, 6443]" in found


def test_pods_install_agents_without_a_bastion() -> None:
    """With one, the control plane's subnet reaches their port 22 anyway."""
    digest = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    images = [f'{{image: "ca:{tag}@sha256:{digest}"}}' for tag in ("v1.32.0", "1")]
    key = f", autoscaler: {{cluster_autoscaler: {images[0]}, server: {images[1]}}}"
    pools = "{name: web, flavor: m, autoscaling: {min: 1, max: 2}}"
    for bastion, more, opened in (("none", key, True), ("none", "", False), ("server", key, False)):
        found = root(f"{CLOUD}, bastion: {bastion}", pools=pools, more=more).files["security.tf"]
        assert ("installs_agents   = true" in found) is opened


def test_every_address_is_allowed_where_none_is_named() -> None:
    assert root().files["security.tf"].count(f'["{ALL_ADDRESSES}"]') == 2
    named = root(more=", api: {allowed_cidrs: [203.0.113.0/24]}, ssh: {allowed_cidrs: [10.8.0.0/16]}")
    assert '["203.0.113.0/24"]' in named.files["endpoint.tf"]
    assert ALL_ADDRESSES not in named.files["security.tf"]


def test_settings_reach_the_files() -> None:
    files = root(
        "cloud: x, region: r, image: {id: i}, external_network: e, dns_servers: [9.9.9.9], mtu: 1450, "
        "availability_zones: [a], boot_volume: {size_gib: 40, type: ssd}, key_pair: k, "
        "existing: {router: gate}"
    ).files
    assert 'region = "r"' in files["providers.tf"]
    for part in ('dns_servers = ["9.9.9.9"]', "mtu = 1450", 'router = "gate"', 'external_network = "e"'):
        assert part in files["network.tf"]
    for part in ('image_id = "i"', "size_gib = 40", 'key_pair = "k"', 'ssh_user = "kbootstrap"'):
        assert part in files["cluster.tf"]


def test_without_a_cloud_the_environment_speaks() -> None:
    assert root().files["providers.tf"] == 'provider "openstack" {}\n'


def test_an_image_without_a_pin_is_said_at_its_line() -> None:
    made = spec()
    (cluster,) = made.clusters
    for lock in (Lock(), Lock(images={"c": ImagePin("Debian 11", "old")})):
        with pytest.raises(SpecInvalid) as caught:
            render(made, cluster, allocate(made, lock))
        (problem,) = caught.value.diagnostics
        assert problem.code == "KB0353"
        assert problem.span is not None
        assert problem.span.text[problem.span.column - 1 :].startswith("Debian 12")
    made = spec("external_network: x, image: {id: some}")
    assert 'image_id = "some"' in render(made, made.clusters[0], allocate(made, Lock())).files["cluster.tf"]


def test_resources_lead_to_their_lines() -> None:
    places = root(more=", ssh: {allowed_cidrs: [203.0.113.0/24, 10.8.0.0/16]}").provenance
    base = ("clusters", "c")
    node = 'module.pool_web.openstack_compute_instance_v2.node["c-web-1"]'
    rule = 'module.security.openstack_networking_secgroup_rule_v2.rule["10.8.0.0/16->control_plane-tcp-22"]'
    assert places[node] == (*base, "pools", 0)
    assert places[rule] == (*base, "ssh", "allowed_cidrs", 1)
    assert places["module.control_plane.openstack_compute_servergroup_v2.group"][-1] == "anti_affinity"
