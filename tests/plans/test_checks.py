from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kbootstrap.plans.checks import (
    affected_nodes,
    destroyed_network,
    disruptive_updates,
    is_remainder,
    lost_buckets,
    lost_volumes,
    machines_made,
    machines_of,
    network_in_use,
    rename_conflict,
    replaced_nodes,
    resources_of,
    tainted,
    unaffecting_targets,
    unknown_to_state,
    unobserved_removals,
)
from kbootstrap.providers import find
from kbootstrap.render.traits import ResourceTraits
from kbootstrap.spec.source_map import SourceMap
from kbootstrap.tofu.plan import Kind, PlanSummary, ResourceChange, judged

NODE = 'module.pool_web.terraform_data.node["c-web-1"]'
KEYS = 'module.pool_web.terraform_data.authorized_keys["c-web-1"]'
BLANK = ("c-web-1",)
SOURCE = SourceMap({}, {})
CLOUD = find("openstack").traits.resources
TRAITS = ResourceTraits({**find("local").traits.resources.roles, **CLOUD.roles}, CLOUD.disruptive)
"""Addresses of both providers stand in one table of cases."""


def made(address: str, kind: Kind, node: str | None, because: tuple[str, ...], **more: Any) -> ResourceChange:  # noqa: ANN401
    """A change as `summarise` gives it."""
    one = ResourceChange(address, "", kind, (), node, because, more.pop("reason", None), None, **more)
    return judged(one, TRAITS)


def change(address: str, kind: Kind) -> ResourceChange:
    return made(address, kind, "c-web-1", ("triggers_replace.address",))


def plan(address: str, kind: Kind) -> PlanSummary:
    return PlanSummary((change(address, kind),), (), ())


@pytest.mark.parametrize(
    ("address", "kind", "unprovisioned", "refused"),
    [
        (NODE, "delete", (), "remove"),
        (NODE, "replace", (), "replace"),
        (NODE, "delete", BLANK, None),
        (NODE, "replace", BLANK, None),
        (NODE, "create", (), None),
        (NODE, "update", (), None),
        (KEYS, "replace", (), None),
    ],
)
def test_no_machine_is_removed_while_nodes_are_unobserved(
    address: str, kind: Kind, unprovisioned: tuple[str, ...], refused: str | None
) -> None:
    found = unobserved_removals("c", plan(address, kind), unprovisioned, SOURCE)
    assert [problem.code for problem in found] == (["KB0404"] if refused else [])
    assert all(f"would {refused} the machine of c-web-1" in problem.reason for problem in found)


@pytest.mark.parametrize(
    ("changed", "unprovisioned", "halts"),
    [(("image_id",), (), 1), (("name", "flavor_name"), (), 1), (("name",), (), 0), (("image_id",), BLANK, 0)],
)
def test_a_machine_is_not_stopped_by_the_way(
    changed: tuple[str, ...], unprovisioned: tuple[str, ...], halts: int
) -> None:
    summary = PlanSummary((made(NODE, "update", "c-web-1", (), changed=changed),), (), ())
    assert disruptive_updates(summary, unprovisioned) == (NODE,) * halts
    found = unobserved_removals("c", summary, unprovisioned, SOURCE)
    assert [problem.code for problem in found] == ["KB0404"] * halts


@pytest.mark.parametrize(
    ("kind", "gone", "unprovisioned", "again"),
    [
        ("replace", (), (), True),
        ("replace", (NODE,), (), False),
        ("replace", (), BLANK, False),
        ("delete", (), (), False),
    ],
)
def test_replaced_nodes(
    kind: Kind, gone: tuple[str, ...], unprovisioned: tuple[str, ...], again: bool
) -> None:
    assert replaced_nodes(plan(NODE, kind), gone, unprovisioned) == (("c-web-1",) if again else ())
    assert replaced_nodes(plan(KEYS, kind), gone, unprovisioned) == ()


def test_what_belongs_to_nodes_that_go() -> None:
    network = replace(change("module.network.terraform_data.network", "update"), node=None)
    summary = PlanSummary((change(NODE, "replace"), change(KEYS, "replace"), network), (), ())
    assert resources_of(summary, ["c-web-1"]) == (NODE, KEYS)
    assert machines_of(summary, ["c-web-1"]) == (NODE,)
    assert unaffecting_targets(summary, ["c-web-1"]) == (("module.network.terraform_data.network",),)
    assert affected_nodes(summary, ["c-web-1"]) == ("c-web-1",)
    assert affected_nodes(summary, ["c-web-2"]) == ()


def test_a_part_without_nodes_that_go_gets_smaller_until_it_is_one() -> None:
    new, keys = NODE.replace("web-1", "web-2"), KEYS.replace("web-1", "web-2")
    servers = replace(change("module.endpoint.terraform_data.servers", "replace"), node=None)
    made = (replace(change(new, "create"), node="c-web-2"), replace(change(keys, "create"), node="c-web-2"))
    summary = PlanSummary((change(NODE, "delete"), *made, servers), (), ())
    assert unaffecting_targets(summary, ["c-web-1"]) == (
        (new, keys, servers.address),
        (new, keys),
        (new,),
    )


BUCKET = 'module.storage.openstack_objectstorage_container_v1.bucket["c-backups"]'


def test_a_bucket_is_never_deleted() -> None:
    for kind, refused in (("delete", 1), ("replace", 1), ("create", 0), ("update", 0)):
        found = lost_buckets("c", plan(BUCKET, kind), SOURCE)  # type: ignore[arg-type] # a kind
        assert [problem.code for problem in found] == ["KB0406"] * refused
    assert lost_buckets("c", plan(NODE, "delete"), SOURCE) == ()
    assert TRAITS.buckets([NODE, BUCKET, "module.storage"]) == (BUCKET,)


VOLUME = 'module.pool_web.openstack_blockstorage_volume_v3.volume["c-web-1/data"]'
ATTACHED = 'module.pool_web.openstack_compute_volume_attach_v2.attachment["c-web-1/data"]'


@pytest.mark.parametrize(
    ("address", "kind", "smaller", "reason", "refused"),
    [
        (VOLUME, "delete", (), "delete_because_each_key", "would delete the volume data of c-web-1, and"),
        (VOLUME, "replace", (), None, "would replace the volume data of c-web-1 because of volume_type, and"),
        (VOLUME, "update", ("size",), None, "would shrink the volume data of c-web-1 because of size, and"),
        (VOLUME, "update", (), None, None),
        (VOLUME, "create", (), None, None),
        (VOLUME, "replace", (), "replace_because_tainted", None),
        (ATTACHED, "replace", (), None, None),
    ],
)
def test_a_volume_is_never_lost_to_a_change_of_the_spec(
    address: str, kind: Kind, smaller: tuple[str, ...], reason: str | None, refused: str | None
) -> None:
    because = ("volume_type",) if kind == "replace" else ()
    one = made(address, kind, "c-web-1", because, reason=reason, smaller=smaller)
    found = lost_volumes("c", PlanSummary((one,), (), ()), SOURCE)
    assert [problem.code for problem in found] == (["KB0418"] if refused else [])
    assert all(refused and refused in problem.reason for problem in found)


def test_a_volume_is_deleted_only_with_its_own_node() -> None:
    gone = change(VOLUME, "delete")
    for machine, refused in ((NODE, 0), (NODE.replace("-1", "-2"), 1)):
        node = replace(change(machine, "delete"), node=machine.split('"')[1])
        assert len(lost_volumes("c", PlanSummary((gone, node), (), ()), SOURCE)) == refused
    again = change(NODE, "replace")
    assert len(lost_volumes("c", PlanSummary((gone, again), (), ()), SOURCE)) == 1


@pytest.mark.parametrize(
    ("address", "kind", "gone", "unprovisioned", "lost"),
    [
        (NODE, "create", (), (), True),
        (NODE, "create", (), BLANK, False),
        (NODE, "replace", (NODE,), (), True),
        (NODE, "replace", (NODE,), BLANK, False),
        (NODE, "replace", (), (), False),
        (KEYS, "create", (), (), False),
    ],
)
def test_a_machine_in_no_state_is_never_overwritten(
    address: str, kind: Kind, gone: tuple[str, ...], unprovisioned: tuple[str, ...], lost: bool
) -> None:
    assert unknown_to_state(plan(address, kind), gone, unprovisioned) == (("c-web-1",) if lost else ())


def test_only_machines_are_asked_about() -> None:
    assert machines_made(plan(NODE, "create")) == ("c-web-1",)
    assert machines_made(plan(NODE, "update")) == ()
    assert machines_made(plan(KEYS, "replace")) == ()


def test_a_machine_of_an_interrupted_creation_is_recreated() -> None:
    """OpenTofu marks it as tainted and replaces it: nothing was installed on it, so nothing is lost."""
    failed = made(NODE, "replace", "c-web-1", (), reason="replace_because_tainted")
    summary = PlanSummary((failed,), (), ())
    assert unobserved_removals("c", summary, BLANK, SOURCE) == ()
    assert unknown_to_state(summary, (), BLANK) == ()
    assert unobserved_removals("c", summary, (), SOURCE) != ()
    assert tainted(summary) == {NODE: "c-web-1"}
    assert tainted(plan(NODE, "replace")) == {}


SUBNET = 'module.network.openstack_networking_subnet_v2.subnet["agents"]'
FLOATING = 'module.control_plane.openstack_networking_floatingip_v2.public["c-web-1"]'
ASSOCIATED = 'module.control_plane.openstack_networking_floatingip_associate_v2.public["c-web-1"]'
BALANCER = "module.endpoint.openstack_lb_loadbalancer_v2.api[0]"
INGRESS = "module.ingress.openstack_lb_loadbalancer_v2.public[0]"


@pytest.mark.parametrize(
    ("address", "kind", "reason", "carrying", "refused"),
    [
        (SUBNET, "replace", None, ["c-web-1"], True),
        (SUBNET, "delete", None, ["c-web-1"], True),
        (SUBNET, "replace", None, [], False),
        (SUBNET, "replace", "replace_because_tainted", ["c-web-1"], False),
        (SUBNET, "replace", "replace_by_request", ["c-web-1"], False),
        (SUBNET, "update", None, ["c-web-1"], False),
        ("module.network.openstack_networking_router_interface_v2.interface", "delete", None, ["n"], True),
        ("module.network.openstack_networking_router_v2.router[0]", "create", None, ["n"], False),
        (FLOATING, "replace", None, ["n"], True),
        (FLOATING, "delete", None, ["n"], False),
        (ASSOCIATED, "replace", None, ["n"], False),
        (BALANCER, "replace", None, ["n"], True),
        (INGRESS, "replace", None, ["n"], False),
        (NODE, "replace", None, ["n"], False),
    ],
)
def test_the_network_of_nodes_is_never_destroyed(
    address: str, kind: Kind, reason: str | None, carrying: list[str], refused: bool
) -> None:
    one = made(address, kind, None, ("cidr",), reason=reason)
    summary = PlanSummary((one,), (), ())
    found = network_in_use("c", summary, carrying, SOURCE)
    assert [problem.code for problem in found] == ["KB0407"] * refused
    assert all(address in problem.reason and "cidr" in problem.reason for problem in found)
    if carrying:
        assert bool(destroyed_network(summary)) == refused


def test_the_rest_of_a_plan() -> None:
    planned = PlanSummary((change(NODE, "create"), change(KEYS, "create")), (), ())
    failed = replace(change(NODE, "replace"), reason="replace_because_tainted")
    assert is_remainder(planned, PlanSummary((failed, change(KEYS, "create")), (), ()))
    assert is_remainder(planned, PlanSummary((), (), ()))
    # Something else changed meanwhile: that was not confirmed.
    assert not is_remainder(planned, plan(NODE, "replace"))
    assert not is_remainder(planned, plan(BUCKET, "create"))
    assert not is_remainder(planned, plan(KEYS, "delete"))


@pytest.mark.parametrize(
    ("kind", "moves", "unprovisioned", "codes"),
    [
        ("delete", True, (), ["KB0419"]),
        ("replace", True, (), ["KB0419"]),
        ("replace", True, BLANK, []),
        ("create", True, (), []),
        ("delete", False, (), []),
    ],
)
def test_a_rename_is_applied_alone(
    kind: Kind, moves: bool, unprovisioned: tuple[str, ...], codes: list[str]
) -> None:
    moved = (("module.pool_a", "module.pool_b"),) if moves else ()
    found = rename_conflict("c", replace(plan(NODE, kind), moves=moved), unprovisioned, SOURCE)
    assert [problem.code for problem in found] == codes
