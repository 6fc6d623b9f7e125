"""Machines that are used while OpenTofu creates others; the real SDK against a small cloud on loopback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kbootstrap.engine.overlap import verify_same
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack import PROVIDER
from tests.providers.contexts import of

from .cloud import FakeCloud, openstack, server
from .test_machines import NAMES, outputs

VOLUMES = """    pools:
      - {name: web, flavor: large, nodes: 2, volumes: [{name: data, size_gib: 5, mount: /data}]}
"""
NETWORK = (
    "module.network.openstack_networking_network_v2.network[0]",
    'module.network.openstack_networking_router_interface_v2.interface["agents"]',
    'module.security.openstack_networking_secgroup_rule_v2.rule["nodes->agents-udp-8472"]',
)
BALANCER = (
    "module.endpoint.openstack_lb_loadbalancer_v2.api[0]",
    'module.endpoint.openstack_lb_member_v2.server["prod-control-plane-1:6443"]',
    "module.endpoint.openstack_networking_floatingip_v2.api[0]",
)
ADDRESS = 'module.control_plane.openstack_networking_floatingip_v2.public["prod-control-plane-1"]'
BASTION = tuple(
    f"module.bastion.openstack_{one}"
    for one in (
        "networking_port_v2.port",
        "compute_instance_v2.bastion",
        "networking_floatingip_v2.public",
        "networking_floatingip_associate_v2.public",
    )
)


def machine(name: str) -> str:
    module = "pool_web" if "web" in name else "control_plane"
    return f'module.{module}.openstack_compute_instance_v2.node["{name}"]'


def planned(context: ProviderContext, *more: str) -> dict[str, str]:
    """Return what OpenTofu creates, with the IDs that it reports; the last one is a load balancer's."""
    every = [*NETWORK, *more]
    for node in context.nodes:
        every += [
            machine(node.name),
            machine(node.name).replace("compute_instance_v2.node", "networking_port_v2.port"),
        ]
    if not any("bastion" in one for one in more):
        every += [ADDRESS, ADDRESS.replace("floatingip_v2", "floatingip_associate_v2")]
    ids = {address: address for address in (*every, *BALANCER)}
    return ids | {machine(node.name): f"id-{node.name}" for node in context.nodes}


@pytest.fixture
def given(context: ProviderContext) -> ProviderContext:
    return of(context, openstack(more="    ssh: {user: debian}\n"))


def ready(context: ProviderContext, ids: Mapping[str, str], *missing: str) -> frozenset[str]:
    created = {address: one for address, one in ids.items() if address not in missing}
    return PROVIDER.machines_in_creation.ready(context, ids.keys(), created)


def test_nobody_waits_for_the_load_balancer(given: ProviderContext) -> None:
    ids = planned(given)
    assert ready(given, ids, *BALANCER) == {node.name for node in given.nodes}


@pytest.mark.parametrize(
    "missing",
    [
        *NETWORK,
        ADDRESS,
        ADDRESS.replace("floatingip_v2", "floatingip_associate_v2"),
        machine("prod-control-plane-1"),
    ],
)
def test_without_a_way_there_is_no_node(given: ProviderContext, missing: str) -> None:
    assert ready(given, planned(given), missing, *BALANCER) == frozenset()


def test_a_machine_that_is_missing_is_not_ready(given: ProviderContext) -> None:
    names = {node.name for node in given.nodes}
    assert ready(given, planned(given), machine("prod-web-2")) == names - {"prod-web-2"}
    assert PROVIDER.machines_in_creation.ready(given, planned(given).keys(), {}) == frozenset()


def test_a_node_waits_for_its_volumes(context: ProviderContext) -> None:
    given = of(context, openstack(pools=VOLUMES))
    one = 'module.pool_web.openstack_compute_volume_attach_v2.attachment["prod-web-2/data"]'
    assert "prod-web-2" not in ready(given, planned(given, one), one)
    assert "prod-web-1" in ready(given, planned(given, one), one)


@pytest.mark.parametrize("missing", BASTION)
def test_a_machine_as_bastion_must_be_whole(context: ProviderContext, missing: str) -> None:
    given = of(context, openstack("bastion: {flavor: small}"))
    ids = planned(given, *BASTION)
    assert ready(given, ids, missing) == frozenset()
    assert ready(given, ids, machine("prod-control-plane-1")) == {n.name for n in given.nodes} - {
        "prod-control-plane-1"
    }


def test_without_a_bastion_every_node_is_reached_directly(context: ProviderContext) -> None:
    given = of(context, openstack("bastion: none"))
    ids = {one: found for one, found in planned(given).items() if "floatingip" not in one}
    assert "prod-web-1" in ready(given, ids, machine("prod-control-plane-1"))


async def early(context: ProviderContext, ids: Mapping[str, str], names: set[str]) -> Mapping[str, Any]:
    return await PROVIDER.machines_in_creation.outputs(context, ids, names)


async def test_the_outputs_are_those_that_opentofu_writes(given: ProviderContext, cloud: FakeCloud) -> None:
    cloud.things["network/floatingips"] = [{"id": "fip", "floating_ip_address": "203.0.113.5", "tags": []}]
    found = await early(given, {**planned(given), ADDRESS: "fip"}, {*NAMES})
    final = outputs()["kbootstrap"]
    assert found["kbootstrap"]["nodes"] == final["nodes"]
    verify_same("prod", found["kbootstrap"], final)
    assert [asked for asked in cloud.requests if "floatingips" in asked] == ["GET network/floatingips/fip"]


async def test_a_machine_as_bastion_is_in_the_outputs(context: ProviderContext, cloud: FakeCloud) -> None:
    given = of(context, openstack("bastion: {flavor: small}"))
    cloud.things["network/floatingips"] = [{"id": "fip", "floating_ip_address": "203.0.113.7", "tags": []}]
    ids = planned(given, *BASTION) | {BASTION[1]: "id-bastion", BASTION[2]: "fip"}
    found = (await early(given, ids, {*NAMES}))["kbootstrap"]
    assert found["bastion"] == {"address": "203.0.113.7", "user": "kbootstrap", "instance": "id-bastion"}
    assert all(node["public_address"] is None for node in found["nodes"].values())


async def test_volumes_have_their_ids(context: ProviderContext) -> None:
    given = of(context, openstack("bastion: none", pools=VOLUMES))
    volume = 'module.pool_web.openstack_blockstorage_volume_v3.volume["prod-web-1/data"]'
    found = await early(given, {**planned(given), ADDRESS: "", volume: "v-1"}, {"prod-web-1"})
    assert found["kbootstrap"]["nodes"]["prod-web-1"]["volumes"] == {"data": "v-1"}
    assert set(found["kbootstrap"]["nodes"]) == {"prod-web-1"}


async def test_they_are_an_inventory_with_keys_from_the_console(
    given: ProviderContext, cloud: FakeCloud
) -> None:
    cloud.things["network/floatingips"] = [{"id": "fip", "floating_ip_address": "203.0.113.5", "tags": []}]
    cloud.things["compute/servers"] = [server(node.name) for node in given.nodes]
    cloud.consoles = {f"id-{node.name}": ["Cloud-init v. 24.1 finished at Sun"] for node in given.nodes}
    found = await early(given, {**planned(given), ADDRESS: "fip"}, {node.name for node in given.nodes})
    inventory = await PROVIDER.inventory(given, found)
    assert set(inventory.machines) == {node.name for node in given.nodes}
    jump = inventory.machines["prod-web-1"].ssh.jump
    assert jump is not None
    assert (jump.host, jump.instance) == ("203.0.113.5", "id-prod-control-plane-1")
    assert inventory.internal.host == "10.20.0.10"
