from __future__ import annotations

from dataclasses import replace

import pytest

from kbootstrap.autoscaler import sizes
from kbootstrap.autoscaler.instances import group_for, instance_id
from kbootstrap.autoscaler.model import FAILURES, FleetState, Health, InstancePhase, SeenNode
from kbootstrap.autoscaler.refusal import Refusal
from tests.autoscaler.samples import NOW, fresh, large, machine, one, small, state

WEB = "web/small"


def sized(found: FleetState) -> tuple[int, int]:
    return sizes.target(found, small()), sizes.target(found, large())


def test_a_target_counts_what_is_or_becomes_a_node() -> None:
    found = state(*(one(f"prod-web-{phase}", phase) for phase in InstancePhase))
    assert sizes.target(found, small()) == 1 + 4  # wanted, creating, installing, running; and the static one
    assert sizes.running(found, small()) == 2


def test_a_static_node_that_does_not_exist_does_not_count() -> None:
    """It would be waited for, and Cluster Autoscaler would ask for its removal after 15 minutes."""
    assert sized(state(nodes=())) == (0, 0)


def test_increase() -> None:
    found = sizes.increase(state(), WEB, 2, NOW, fresh())
    assert sized(found) == (3, 0)
    assert {(i.name, i.phase, i.since) for i in found.of(WEB)} == {
        ("prod-web-n1", InstancePhase.WANTED, NOW),
        ("prod-web-n2", InstancePhase.WANTED, NOW),
    }
    assert [(n.reason, n.message) for n in found.notices] == [
        ("SizeIncreased", "web/small grows from 1 to 3")
    ]


def test_names_that_are_or_were_used_are_passed_over() -> None:
    found = state(one("prod-web-n1"), nodes=("prod-web-1", "prod-web-n2"))
    found = sizes.increase(replace(found, gone={"prod-web-n3": NOW}), WEB, 1, NOW, fresh())
    assert {i.name for i in found.of(WEB)} == {"prod-web-n1", "prod-web-n4"}


def test_the_groups_of_a_pool_share_its_maximum() -> None:
    found = sizes.increase(state(), "web/large", 3, NOW, fresh())
    assert sizes.limits(found, small(), NOW) == (1, 2)
    assert sizes.limits(found, large(), NOW) == (0, 4)
    with pytest.raises(Refusal, match="cannot grow by 2: its pool has 4 nodes and at most 5") as refused:
        sizes.increase(found, WEB, 2, NOW, fresh())
    assert (refused.value.status, refused.value.reason) == ("FAILED_PRECONDITION", "MaximumReached")
    full = sizes.increase(found, WEB, 1, NOW, fresh("prod-web-m"))
    assert sizes.limits(full, small(), NOW) == (1, 2)
    assert sizes.limits(full, large(), NOW) == (0, 3)


def test_a_lower_maximum_than_the_size_keeps_what_is_there() -> None:
    found = state(*(one(f"prod-web-{x}") for x in "bcd"), groups=(small(maximum=2),))
    assert sizes.limits(found, small(maximum=2), NOW) == (1, 4)


@pytest.mark.parametrize(
    ("delta", "reason"), [(0, "InvalidDelta"), (-1, "InvalidDelta"), (5, "MaximumReached")]
)
def test_increases_that_are_refused(delta: int, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        sizes.increase(state(), WEB, delta, NOW, fresh())
    assert refused.value.reason == reason


def test_unknown_groups() -> None:
    with pytest.raises(Refusal, match="there is no node group 'web/huge'") as refused:
        sizes.increase(state(), "web/huge", 1, NOW, fresh())
    assert refused.value.status == "NOT_FOUND"


def test_a_stopped_group_does_not_grow_and_then_by_one_at_a_time() -> None:
    health = Health(FAILURES, stopped=NOW + 300, reason="no route to host")
    found = state().with_health(WEB, health)
    assert sizes.limits(found, small(), NOW) == (1, 1)
    assert sizes.limits(found, large(), NOW) == (0, 4)  # the other flavor goes on
    with pytest.raises(Refusal, match="does not grow: no route to host") as refused:
        sizes.increase(found, WEB, 1, NOW, fresh())
    assert refused.value.reason == "GroupStopped"
    later = NOW + 300
    assert sizes.limits(found, small(), later) == (1, 2)
    found = sizes.increase(found, WEB, 1, later, fresh())
    assert sizes.limits(found, small(), later) == (1, 2)


def test_delete_by_name_and_by_every_id() -> None:
    known = machine("prod-web-c", provider_id="openstack:///u-1")
    found = state(
        one("prod-web-b"), one("prod-web-c", machine=known), one("prod-web-d", InstancePhase.WANTED)
    )
    for wanted, name in (
        (("prod-web-b", ""), "prod-web-b"),
        (("k3s://prod-web-b", "k3s://prod-web-b"), "prod-web-b"),  # how a node without a Node is named
        (("x", "openstack:///u-1"), "prod-web-c"),
        (
            ("kbootstrap://prod-web-c", "kbootstrap://prod-web-c"),
            "prod-web-c",
        ),  # its ID before it had a machine
    ):
        after = sizes.delete(found, WEB, [wanted], NOW)
        assert {i.name for i in after.of(WEB) if i.phase is InstancePhase.DELETING} == {name}
    after = sizes.delete(found, WEB, [("kbootstrap://prod-web-d", "")], NOW)
    assert "prod-web-d" not in after.instances  # nothing was requested, so nothing is left


def test_delete_is_repeatable() -> None:
    found = sizes.delete(state(one()), WEB, [("prod-web-b", "")], NOW)
    again = sizes.delete(found, WEB, [("prod-web-b", "k3s://prod-web-b")], NOW)
    assert again.instances == found.instances
    gone = sizes.forget(again, again.instances["prod-web-b"], NOW)
    for wanted in (("prod-web-b", ""), ("k3s://prod-web-b", "k3s://prod-web-b")):
        assert sizes.delete(gone, WEB, [wanted], NOW).instances == {}


def test_delete_all_or_none() -> None:
    found = state(one("prod-web-b"), one("prod-web-c", group="web/large"))
    for others, reason in (
        ([("prod-web-1", "")], "StaticNode"),
        ([("other", "k3s://prod-web-1")], "StaticNode"),
        ([("unknown", "")], "NotInGroup"),
        ([("prod-web-c", "")], "NotInGroup"),
    ):
        with pytest.raises(Refusal) as refused:
            sizes.delete(found, WEB, [("prod-web-b", ""), *others], NOW)
        assert refused.value.reason == reason


def test_never_below_the_minimum() -> None:
    found = state(one("prod-web-b"), one("prod-web-c"), groups=(small(minimum=2),))
    with pytest.raises(Refusal, match="it has 3 and at least 2") as refused:
        sizes.delete(found, WEB, [("prod-web-b", ""), ("prod-web-c", "")], NOW)
    assert refused.value.reason == "MinimumReached"
    assert sizes.target(sizes.delete(found, WEB, [("prod-web-b", "")], NOW), small()) == 2


def test_what_never_became_a_node_may_go_below_the_minimum() -> None:
    found = state(
        one("prod-web-b", InstancePhase.FAILED),
        one("prod-web-c", InstancePhase.CREATING),
        groups=(small(minimum=2),),
    )
    after = sizes.delete(found, WEB, [("prod-web-b", ""), ("prod-web-c", "")], NOW)
    assert {i.phase for i in after.instances.values()} == {InstancePhase.DELETING}


def test_a_target_decreases_by_what_is_no_node_yet() -> None:
    found = state(
        one("prod-web-b"),
        one("prod-web-c", InstancePhase.INSTALLING),
        one("prod-web-d", InstancePhase.CREATING, since=NOW - 5),
        one("prod-web-e", InstancePhase.WANTED),
    )
    after = sizes.decrease(found, WEB, -2, NOW)
    assert {name: i.phase for name, i in after.instances.items()} == {
        "prod-web-b": InstancePhase.RUNNING,
        "prod-web-c": InstancePhase.INSTALLING,
        "prod-web-d": InstancePhase.DELETING,
    }
    with pytest.raises(Refusal, match="3 are no nodes yet") as refused:
        sizes.decrease(found, WEB, -4, NOW)
    assert refused.value.reason == "NothingToTakeBack"
    with pytest.raises(Refusal, match="negative"):
        sizes.decrease(found, WEB, 1, NOW)


def test_a_registered_node_is_not_taken_back() -> None:
    found = state(one("prod-web-c", InstancePhase.INSTALLING), nodes=("prod-web-1", "prod-web-c"))
    with pytest.raises(Refusal):
        sizes.decrease(found, WEB, -1, NOW)


def test_ids_are_those_of_nodes() -> None:
    """Else an instance and its Node are two things for Cluster Autoscaler (its issue 5185)."""
    plain, cloud = one(), one(machine=machine(provider_id="openstack:///u-1"))
    assert (
        instance_id(state(one(phase=InstancePhase.WANTED)), one(phase=InstancePhase.WANTED))
        == "kbootstrap://prod-web-b"
    )
    assert instance_id(state(plain), plain) == "k3s://prod-web-b"
    assert instance_id(state(cloud), cloud) == "openstack:///u-1"
    seen = replace(state(cloud), nodes={"prod-web-b": SeenNode("prod-web-b", "openstack://RegionOne/u-1")})
    assert instance_id(seen, cloud) == "openstack://RegionOne/u-1"


def test_groups_of_nodes() -> None:
    found = state(one(), one("prod-old-x", group="old/small"))
    for wanted, group in (
        (("prod-web-b", "k3s://prod-web-b"), WEB),
        (("prod-web-1", "k3s://prod-web-1"), WEB),
        (("k3s://prod-web-1", "k3s://prod-web-1"), WEB),
        (("prod-control-plane-1", "k3s://prod-control-plane-1"), ""),
        (("prod-old-x", ""), ""),  # its pool has left the spec
        (("", ""), ""),
    ):
        assert group_for(found, *wanted) == group
