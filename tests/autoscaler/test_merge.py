from __future__ import annotations

from dataclasses import replace

from kbootstrap.autoscaler.merge import MISSING, with_groups, with_machines
from kbootstrap.autoscaler.model import DEADLINE, FleetState, InstancePhase, SeenNode
from kbootstrap.autoscaler.todo import Action, Kind, todo
from kbootstrap.providers.elastic import ElasticMachine, MachinePhase
from tests.autoscaler.samples import NOW, machine, one, small, state


def listed(found: FleetState, *machines: ElasticMachine, at: float = NOW) -> FleetState:
    return with_machines(found, machines, at, at)


def phases(found: FleetState) -> dict[str, InstancePhase]:
    return {name: one.phase for name, one in found.instances.items()}


def test_a_new_server_finds_everything_again() -> None:
    nodes = {
        name: SeenNode(name, ready=name != "prod-web-e")
        for name in ("prod-web-1", "prod-web-b", "prod-web-e")
    }
    begun = replace(state(), nodes=nodes)
    found = listed(
        begun,
        machine("prod-web-b"),
        machine("prod-web-c", phase=MachinePhase.CREATING),
        machine("prod-web-d"),
        machine("prod-web-e", created=NOW - 2 * DEADLINE),
        machine("prod-web-f", phase=MachinePhase.DELETING),
        machine("prod-web-g", phase=MachinePhase.FAILED, fault="No valid host", exhausted=True),
    )
    assert phases(found) == {
        "prod-web-b": InstancePhase.RUNNING,
        "prod-web-c": InstancePhase.WANTED,  # requested again: the request may have been interrupted
        "prod-web-d": InstancePhase.INSTALLING,  # made, but not a node: its installation goes on
        "prod-web-e": InstancePhase.RUNNING,  # not Ready at the moment is no reason to delete it
        "prod-web-f": InstancePhase.DELETING,
        "prod-web-g": InstancePhase.FAILED,
    }
    assert {i.since for i in found.instances.values()} == {NOW - 100, NOW - 2 * DEADLINE}


def test_a_young_node_that_is_not_ready_is_installed_again() -> None:
    """The server may have ended between the registration and the last step."""
    begun = replace(state(), nodes={"prod-web-b": SeenNode("prod-web-b")})
    assert phases(listed(begun, machine())) == {"prod-web-b": InstancePhase.INSTALLING}


def test_the_second_machine_of_a_name_is_deleted() -> None:
    first, second = machine(id="u-1"), machine(id="u-2", created=NOW)
    found = listed(state(), second, first)
    assert phases(found) == {"prod-web-b": InstancePhase.INSTALLING, "prod-web-b@u-2": InstancePhase.DELETING}
    assert found.instances["prod-web-b"].machine == first
    assert Action(Kind.DELETE, "prod-web-b@u-2") in todo(found, NOW)
    again = listed(found, first, second)
    assert phases(again) == phases(found)
    late = listed(listed(again, first, at=NOW + 1), first, at=NOW + 1 + MISSING)
    assert Action(Kind.FORGET, "prod-web-b@u-2") in todo(late, NOW + 1 + MISSING)


def test_a_machine_that_appears_after_it_was_given_up_is_deleted() -> None:
    found = listed(replace(state(), gone={"prod-web-b": NOW - 20}), machine())
    assert phases(found) == {"prod-web-b": InstancePhase.DELETING}


def test_a_young_list_proves_nothing() -> None:
    """It was requested before the machine was."""
    found = state(one(phase=InstancePhase.CREATING, seen=NOW))
    assert with_machines(found, [], NOW - 1, NOW + 1).instances == found.instances
    assert with_machines(found, [], NOW + 1, NOW + 2, {"prod-web-b"}).instances == found.instances
    assert listed(state(one(phase=InstancePhase.WANTED)), at=NOW + 99).instances["prod-web-b"].missing == 0


def test_a_deleted_machine_counts_as_gone_at_the_second_look() -> None:
    found = listed(state(one(), nodes=("prod-web-b",)), at=NOW)
    assert phases(found) == {"prod-web-b": InstancePhase.RUNNING}
    found = listed(found, machine(), at=NOW + 5)
    assert found.instances["prod-web-b"].missing == 0
    found = listed(listed(found, at=NOW + 10), at=NOW + 10 + MISSING)
    assert phases(found) == {"prod-web-b": InstancePhase.DELETING}
    assert found.notices[-1].reason == "MachineVanished"
    assert todo(found, NOW + 10 + MISSING) == (Action(Kind.FORGET, "prod-web-b"),)


def test_a_machine_that_was_removed_with_its_node_is_gone_at_once() -> None:
    """`apply` and `replace` remove both."""
    found = listed(state(one(), nodes=()), at=NOW)
    assert phases(found) == {"prod-web-b": InstancePhase.DELETING}
    assert todo(found, NOW) == (Action(Kind.FORGET, "prod-web-b"),)


def test_one_that_vanishes_before_it_was_a_node_has_failed() -> None:
    found = listed(listed(state(one(phase=InstancePhase.INSTALLING)), at=NOW), at=NOW + MISSING)
    assert phases(found) == {"prod-web-b": InstancePhase.FAILED}
    assert found.healthy("web/small").failures == 1


def test_a_node_is_removed_only_after_its_machine() -> None:
    """A kubelet that runs would register again."""
    found = state(one(phase=InstancePhase.DELETING))
    assert [action.kind for action in todo(found, NOW)] == [Kind.DELETE]
    found = listed(found, at=NOW + 1)
    found = listed(found, at=NOW + 1 + MISSING)
    assert [action.kind for action in todo(found, NOW + 1 + MISSING)] == [Kind.FORGET]


def test_a_machine_that_may_or_may_not_exist() -> None:
    """The request was interrupted; a deletion waits until the list has answered."""
    found = state(one(phase=InstancePhase.DELETING, machine=None))
    assert todo(found, NOW) == ()
    assert [a.kind for a in todo(listed(found, machine()), NOW)] == [Kind.DELETE]
    missing = listed(found, at=NOW + 1)
    assert todo(missing, NOW + 1) == ()
    assert [a.kind for a in todo(missing, NOW + 1 + MISSING)] == [Kind.FORGET]


def test_a_node_whose_machine_is_gone_is_removed() -> None:
    """An earlier server ended between the two. Nodes of others, and static ones, are left alone."""
    names = ("prod-web-1", "prod-web-bcdfg", "prod-web-bcdfg-1", "prod-fixed-bcdfg", "prod-web-other")
    begun = state(nodes=names)
    found = listed(begun)
    assert phases(found) == {"prod-web-bcdfg": InstancePhase.RUNNING}
    assert phases(listed(found, machine("prod-web-bcdfg"), at=NOW + MISSING)) == {
        "prod-web-bcdfg": InstancePhase.RUNNING
    }
    found = listed(found, at=NOW + MISSING)
    assert todo(found, NOW + MISSING) == (Action(Kind.FORGET, "prod-web-bcdfg"),)


def test_machines_that_are_deleted_outside_of_kbootstrap() -> None:
    found = listed(state(one()), machine(phase=MachinePhase.DELETING))
    assert phases(found) == {"prod-web-b": InstancePhase.DELETING}
    assert todo(found, NOW) == ()


def test_other_groups_keep_the_instances() -> None:
    found = with_groups(state(one()), [small(maximum=9)])
    assert found.groups["web/small"].maximum == 9
    assert phases(found) == {"prod-web-b": InstancePhase.RUNNING}
