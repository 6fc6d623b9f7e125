"""Roles of resources, and attributes that halt machines: those of a cloud that nothing else knows."""

from __future__ import annotations

from kbootstrap.plans.checks import (
    disruptive_updates,
    lost_buckets,
    lost_volumes,
    machines_made,
    network_in_use,
)
from kbootstrap.render.traits import ResourceTraits
from kbootstrap.spec.source_map import SourceMap
from kbootstrap.tofu.plan import Kind, PlanSummary, ResourceChange, judged

CLOUD = ResourceTraits(
    roles={
        "next_instance_server.node": "machine",
        "next_block_volume.volume": "volume",
        "next_object_bucket.bucket": "bucket",
        "next_vpc_private_network.servers": "network",
        "next_lb_ip.api": "address",
    },
    disruptive=frozenset({"type"}),
)
NODE = 'module.pool_web.next_instance_server.node["c-web-1"]'
SOURCE = SourceMap({}, {})


def plan(address: str, kind: Kind, *changed: str) -> PlanSummary:
    node = "c-web-1" if "c-web-1" in address else None
    change = ResourceChange(address, "", kind, (), node, (), None, None, changed=changed)
    return PlanSummary((judged(change, CLOUD),), (), ())


def test_roles_are_those_of_whole_types_and_names() -> None:
    assert CLOUD.role(NODE) == "machine"
    assert CLOUD.role("next_lb_ip.api") == CLOUD.role("module.endpoint.next_lb_ip.api[0]") == "address"
    assert CLOUD.role("module.ingress.next_lb.api") is None
    assert CLOUD.role('module.endpoint.next_lb_backend.node["c-web-1"]') is None


def test_a_resize_through_an_attribute_of_another_name_halts_a_machine() -> None:
    assert disruptive_updates(plan(NODE, "update", "name", "type"), ()) == (NODE,)
    assert disruptive_updates(plan(NODE, "update", "name"), ()) == ()
    assert disruptive_updates(plan(NODE, "update", "flavor_name"), ()) == (), "another cloud's attribute"


def test_what_holds_data_or_connects_nodes_is_known_by_its_role() -> None:
    assert machines_made(plan(NODE, "replace")) == ("c-web-1",)
    volume = 'module.pool_web.next_block_volume.volume["c-web-1/data"]'
    assert len(lost_volumes("c", plan(volume, "delete"), SOURCE)) == 1
    assert (
        len(lost_buckets("c", plan('module.storage.next_object_bucket.bucket["b"]', "delete"), SOURCE)) == 1
    )
    network = "module.network.next_vpc_private_network.servers"
    assert len(network_in_use("c", plan(network, "delete"), ["c-web-1"], SOURCE)) == 1
    address = "module.endpoint.next_lb_ip.api[0]"
    assert len(network_in_use("c", plan(address, "replace"), ["c-web-1"], SOURCE)) == 1
    assert network_in_use("c", plan(address, "delete"), ["c-web-1"], SOURCE) == ()


def test_contained_resources_are_deleted_with_others() -> None:
    traits = ResourceTraits(contained=frozenset({"cloud_rule.rule"}))
    addresses = [
        'module.security.cloud_rule.rule["a.b"]',
        "module.security.cloud_group.group",
        "cloud_rule.other",
    ]
    assert traits.deleted_with_others(addresses) == (addresses[0],)
