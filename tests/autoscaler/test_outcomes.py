from __future__ import annotations

import pytest

from kbootstrap.autoscaler import outcomes, sizes
from kbootstrap.autoscaler.instances import instance_id
from kbootstrap.autoscaler.model import DEADLINE, FAILURES, PAUSE, SHOWN, Fault, FleetState, InstancePhase
from kbootstrap.autoscaler.todo import Action, Kind, free_address, todo
from kbootstrap.providers.elastic import MachinePhase
from tests.autoscaler.samples import NOW, machine, one, small, state

WEB = "web/small"
LOST = Fault("NotInstalled", "no route to host")
FULL = Fault("OutOfResources", "the quota is exhausted", exhausted=True)


def phases(found: FleetState) -> dict[str, InstancePhase]:
    return {name: one.phase for name, one in found.instances.items()}


def test_from_the_request_to_the_node() -> None:
    found = state(one(phase=InstancePhase.WANTED))
    assert todo(found, NOW) == (Action(Kind.CREATE, "prod-web-b"),)
    found = outcomes.creating(found, "prod-web-b", "10.0.1.30")
    assert todo(found, NOW) == ()
    found = outcomes.created(found, "prod-web-b", machine(phase=MachinePhase.CREATING), NOW)
    assert (phases(found), todo(found, NOW)) == ({"prod-web-b": InstancePhase.CREATING}, ())
    found = outcomes.advanced(found, "prod-web-b", machine(), NOW)
    assert todo(found, NOW) == (Action(Kind.INSTALL, "prod-web-b"),)
    assert todo(found, NOW, {"prod-web-b"}) == ()
    found = outcomes.installed(found, "prod-web-b")
    assert (phases(found), todo(found, NOW)) == ({"prod-web-b": InstancePhase.RUNNING}, ())


def test_lack_of_resources_fails_all_that_wait_and_no_other_group() -> None:
    found = state(
        one("prod-web-b", InstancePhase.CREATING, machine=None),
        one("prod-web-c", InstancePhase.WANTED),
        one("prod-web-d", InstancePhase.INSTALLING),
        one("prod-web-e", InstancePhase.WANTED, group="web/large"),
    )
    found = outcomes.not_created(found, "prod-web-b", FULL, NOW)
    assert phases(found) == {
        "prod-web-b": InstancePhase.FAILED,
        "prod-web-c": InstancePhase.FAILED,
        "prod-web-d": InstancePhase.INSTALLING,
        "prod-web-e": InstancePhase.WANTED,
    }
    assert sizes.target(found, small()) == 2  # at once; the failed ones are only shown
    assert {one.fault for one in found.of(WEB)} == {FULL, None}
    assert found.healthy(WEB).failures == 0  # the machines are not at fault: Cluster Autoscaler backs off
    assert {n.reason for n in found.notices} == {"OutOfResources"}


def test_an_api_that_fails_for_a_moment_is_asked_again() -> None:
    found = state(one(phase=InstancePhase.WANTED))
    for wait in (2.0, 4.0):
        found = outcomes.creating(found, "prod-web-b", "10.0.1.30")
        found = outcomes.not_created(found, "prod-web-b", LOST, NOW)
        assert (phases(found), todo(found, NOW)) == ({"prod-web-b": InstancePhase.WANTED}, ())
        assert todo(found, NOW + wait) == (Action(Kind.CREATE, "prod-web-b"),)
        assert free_address(found, "prod-web-b") == "10.0.1.30"  # the machine may exist, with this address
    found = outcomes.creating(found, "prod-web-b", "10.0.1.30")
    found = outcomes.not_created(found, "prod-web-b", LOST, NOW)
    assert phases(found) == {"prod-web-b": InstancePhase.FAILED}


def test_an_address_that_is_taken() -> None:
    group = small(addresses=("10.0.1.30", "10.0.1.29"))
    found = state(one(phase=InstancePhase.WANTED), groups=(group,))
    first = str(free_address(found, "prod-web-b"))
    found = outcomes.address_taken(outcomes.creating(found, "prod-web-b", first), "prod-web-b")
    assert {first, free_address(found, "prod-web-b")} == {*group.addresses}
    assert todo(found, NOW) == (Action(Kind.CREATE, "prod-web-b"),)


def test_addresses_run_out() -> None:
    found = state(one(), one("prod-web-c", InstancePhase.WANTED), groups=(small(addresses=("10.0.1.30",)),))
    assert free_address(found, "prod-web-c") is None


def test_an_address_is_used_again_when_all_others_were_used_later() -> None:
    addresses = ("10.0.1.30", "10.0.1.29", "10.0.1.28")
    found, used = state(groups=(small(addresses=addresses),)), list[str | None]()
    for at, name in enumerate("bcdefg"):
        found = found.put(one(name, InstancePhase.WANTED))
        used.append(free_address(found, name))
        found = outcomes.forgotten(outcomes.creating(found, name, str(used[-1])), name, NOW + at)
    assert set(used[:3]) == {*addresses}
    assert used[3:] == used[:3]


def test_the_first_address_of_a_new_server_depends_on_the_name() -> None:
    found = state(*(one(name, InstancePhase.WANTED) for name in "bcdefghijk"))
    assert len({free_address(found, name) for name in "bcdefghijk"}) > 3


def test_a_group_stops_after_three_failures_in_a_row() -> None:
    names = [f"prod-web-{letter}" for letter in "bcd"]
    found = state(
        *(one(name, InstancePhase.INSTALLING) for name in names), one("prod-web-e", InstancePhase.WANTED)
    )
    for name in names[:2]:
        found = outcomes.failed(found, name, LOST, NOW)
    assert sizes.limits(found, small(), NOW)[1] == 5
    found = outcomes.failed(found, names[2], LOST, NOW)
    assert sizes.limits(found, small(), NOW) == (1, 1)  # what runs
    assert found.instances["prod-web-e"].fault == Fault("GroupStopped", "no route to host")
    assert found.notices[-2].message == "web/small does not grow for 300 s: no route to host"
    assert found.healthy(WEB).stopped == NOW + PAUSE


def test_the_pause_doubles_and_a_node_ends_it() -> None:
    found = state(*(one(f"prod-web-{number}x", InstancePhase.INSTALLING) for number in range(8)))
    now, pauses = NOW, []
    for number in range(6):
        found = outcomes.failed(found, f"prod-web-{number}x", LOST, now)
        health = found.healthy(WEB)
        if health.failures >= FAILURES:
            pauses.append(health.stopped - now)
            now = health.stopped
    assert pauses == [300, 600, 1200, 1800]
    found = outcomes.installed(found, "prod-web-7x")
    assert found.healthy(WEB).failures == 0


def test_failures_while_it_is_stopped_do_not_make_the_pause_longer() -> None:
    found = state(*(one(f"prod-web-{number}x", InstancePhase.INSTALLING) for number in range(8)))
    for number in range(8):
        found = outcomes.failed(found, f"prod-web-{number}x", LOST, NOW)
    assert found.healthy(WEB).stopped == NOW + PAUSE
    assert [n.reason for n in found.notices].count("GroupStopped") == 1


@pytest.mark.parametrize("phase", [InstancePhase.WANTED, InstancePhase.CREATING, InstancePhase.INSTALLING])
def test_the_deadline_is_below_that_of_cluster_autoscaler(phase: InstancePhase) -> None:
    found = state(one(phase=phase, since=NOW))
    assert outcomes.late(found, NOW + DEADLINE - 1) == found
    found = outcomes.late(found, NOW + DEADLINE)
    fault = found.instances["prod-web-b"].fault
    assert fault
    assert fault.code == "DeadlinePassed"
    assert "after 10 minutes" in fault.message
    assert DEADLINE + 2 * SHOWN < 900


def test_a_failed_machine_is_deleted_while_its_fault_is_shown() -> None:
    found = outcomes.failed(state(one(phase=InstancePhase.INSTALLING)), "prod-web-b", LOST, NOW)
    assert todo(found, NOW) == (Action(Kind.DELETE, "prod-web-b"),)
    shown = instance_id(found, found.instances["prod-web-b"])
    found = found.put(
        one(phase=InstancePhase.FAILED, machine=None, missing=NOW, until=NOW + SHOWN, known_as=shown)
    )
    assert (
        instance_id(found, found.instances["prod-web-b"]) == "k3s://prod-web-b"
    )  # else its failure counts twice
    assert phases(outcomes.late(found, NOW + SHOWN - 1)) == {"prod-web-b": InstancePhase.FAILED}
    found = outcomes.late(found, NOW + SHOWN)
    assert todo(found, NOW + SHOWN) == (Action(Kind.FORGET, "prod-web-b"),)


def test_what_was_never_requested_is_forgotten_without_a_trace() -> None:
    found = outcomes.failed(state(one(phase=InstancePhase.WANTED)), "prod-web-b", FULL, NOW)
    assert outcomes.late(found, NOW + SHOWN).instances == {}


def test_a_deletion_that_fails_is_tried_later_and_later_and_reported_once() -> None:
    found = state(one(phase=InstancePhase.DELETING))
    waits = []
    for _ in range(8):
        found = outcomes.not_done(found, "prod-web-b", "conflict", NOW)
        waits.append(found.instances["prod-web-b"].retry - NOW)
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    assert [n.reason for n in found.notices] == ["RemovalFailed"]


def test_a_deletion_is_asked_for_again_if_the_machine_stays() -> None:
    found = outcomes.deleting(state(one(phase=InstancePhase.DELETING)), "prod-web-b", NOW)
    assert todo(found, NOW + 59) == ()
    assert todo(found, NOW + 60) == (Action(Kind.DELETE, "prod-web-b"),)


def test_results_that_come_late_change_nothing() -> None:
    leaving = state(one(phase=InstancePhase.DELETING))
    assert outcomes.installed(leaving, "prod-web-b") == leaving
    assert outcomes.failed(leaving, "prod-web-b", LOST, NOW) == leaving
    assert outcomes.address_taken(leaving, "prod-web-b") == leaving
    assert outcomes.not_created(leaving, "gone", LOST, NOW) == leaving
    assert outcomes.created(leaving, "gone", machine("gone"), NOW) == leaving
    assert outcomes.forgotten(leaving, "gone", NOW) == leaving


def test_a_pool_that_has_left_the_spec_gets_no_nodes() -> None:
    found = state(
        one(phase=InstancePhase.INSTALLING, group="old/small"),
        one("prod-web-c", InstancePhase.WANTED, group="old/small"),
    )
    assert todo(found, NOW) == ()
