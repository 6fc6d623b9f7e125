"""What a cluster remembers of the machines that it is on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kbootstrap.cluster.api.observe import observe
from kbootstrap.cluster.converge.removal import NodeRemover
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.host_record import RECORD, entry, read_record, removed_hosts
from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.api_facts import ApiFacts
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.cluster.steps.api import NoteHosts
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.removal import LeaveMachine, UninstallMachine
from kbootstrap.core.diagnostics import Severity
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.events import nowhere
from kbootstrap.distros.model import Role
from tests.cluster.machines import FakeApi, Machines
from tests.cluster.world import api, desired_cluster, facts, fresh, running
from tests.hosts.fake import FakeHost, output

S1, S2, S3 = (f"local-control-plane-{i}" for i in (1, 2, 3))
A1, A2 = (f"local-default-{i}" for i in (1, 2))
GONE = "w-9"
NONE: Mapping[str, Any] = {}


def machine(role: Role = "agent", address: str = "10.0.0.9", *, left: bool = False) -> Recorded:
    return Recorded(role, address, left)


def known(desired: DesiredCluster) -> DesiredCluster:
    nodes = enumerate(desired.nodes)
    return replace(desired, machines={n.name: Recorded(n.role, f"10.0.0.{i}") for i, n in nodes})


def seen(
    desired: DesiredCluster, machines: Mapping[str, Recorded] = NONE, more: Mapping[str, Any] = NONE
) -> ApiFacts:
    found = api(desired, {"*": {}, S1: {"etcd": True}, **more})
    assert found is not None
    return replace(found, machines={**desired.machines, **machines})


def test_entries_are_read_as_they_are_written() -> None:
    machines = {"a": machine("server"), "b": machine(left=True), "c": machine(address="node.example.org")}
    machines["d"] = Recorded("agent", "10.0.0.9", ssh_host="metal-1", port=2222)
    machines["e"] = replace(machines["d"], left=True, ssh_host="")
    assert entry(machines["d"]) == "agent 10.0.0.9 ssh=metal-1 port=2222"
    assert read_record({name: entry(one) for name, one in machines.items()}) == machines
    assert read_record({"a": "", "b": "agent", "c": "pirate 10.0.0.1", "d": "x y z w"}) == {}


def test_hosts_are_noted_once_by_the_first_server() -> None:
    desired = known(desired_cluster(1, 1))
    there = facts(desired, {"*": {"is": "running"}})
    plan = decide(desired, there, api(desired, {"*": {}, S1: {"etcd": True}}))
    (step,) = plan.steps[S1]
    assert isinstance(step, NoteHosts)
    assert step.machines == desired.machines
    assert decide(desired, there, seen(desired)).empty
    moved = decide(desired, there, seen(desired, {A1: machine()}))
    assert [type(s) for s in moved.steps[S1]] == [NoteHosts]
    assert decide(replace(desired, machines={}), there, seen(replace(desired, machines={}))).empty


def test_hosts_that_left_the_spec() -> None:
    desired = known(desired_cluster(1, 1))
    left = {GONE: machine(left=True)}
    assert removed_hosts(desired, None) == {}
    assert removed_hosts(desired, seen(desired)) == {}
    assert removed_hosts(desired, seen(desired, {GONE: machine()})) == {GONE: machine()}
    assert removed_hosts(desired, seen(desired, left)) == {}, "nothing is left to do"
    assert removed_hosts(desired, seen(desired, left, {GONE: {}})) == left, "its machine was started again"


def planned(*, unseen: str = "", ready: bool = True, there: bool = True) -> Plan:
    desired, gone = known(desired_cluster(1, 1)), machine()
    found = facts(desired, {"*": {"is": "running"}})
    if not unseen:
        found[GONE] = replace(running(desired_cluster(1, 2), A2), name=GONE)
    removal = Removal({GONE: "agent"}, {}, {GONE: gone}, {GONE: unseen} if unseen else {})
    view = seen(desired, {GONE: gone}, {GONE: {"ready": ready} if there else None})
    return decide(desired, found, view, removal=removal)


def kinds(plan: Plan) -> list[str]:
    return [type(step).__name__ for step in plan.leaving.get(GONE, ())]


def test_kubernetes_is_uninstalled_last() -> None:
    assert kinds(planned()) == ["Cordon", "Drain", "StopService", "ForgetNode", "UninstallMachine"]
    late = kinds(planned(there=False))
    assert late == ["StopService", "ForgetNode", "UninstallMachine"], "a run was cut after its Node went"


def test_a_machine_that_is_silent_is_left_with_a_warning() -> None:
    plan = planned(unseen="no route to it", ready=False)
    assert kinds(plan) == ["Cordon", "ForgetNode", "LeaveMachine"]
    (warning,) = [d for d in plan.diagnostics if d.code == "KB0653"]
    assert warning.severity is Severity.WARNING
    assert "no route to it" in warning.reason
    assert not plan.refused


def test_a_node_that_runs_does_not_leave_unseen() -> None:
    plan = planned(unseen="no route to it")
    assert plan.refused
    assert plan.leaving == {}
    assert [d.code for d in plan.diagnostics] == ["KB0652"]


def test_dead_servers_go_first() -> None:
    """The other way round the one that is well would stop while the dead one counts: no majority is left."""
    desired = desired_cluster(1, 0)
    removal = Removal(
        {S2: "server", S3: "server"}, {}, {S2: machine("server"), S3: machine("server")}, {S3: "x"}
    )
    view = api(desired, {"*": {}, S1: {"etcd": True}, S2: {"etcd": True}, S3: {"etcd": True, "ready": False}})
    there = {S1: running(desired, S1), S2: running(desired_cluster(3, 0), S2)}
    plan = decide(desired, there, view, removal=removal)
    assert not plan.refused
    assert list(plan.leaving) == [S3, S2]


@pytest.mark.parametrize(("ready", "settled", "codes"), [(True, False, ["KB0654"]), (False, False, [])])
def test_a_name_does_not_move_while_the_old_machine_runs(
    *, ready: bool, settled: bool, codes: list[str]
) -> None:
    desired = known(desired_cluster(1, 1))
    there = {S1: running(desired, S1), A1: running(desired, A1) if settled else fresh(A1)}
    view = seen(desired, {A1: machine(address="10.9.9.9")}, {A1: {"ready": ready}})
    plan = decide(desired, there, view)
    assert [d.code for d in plan.diagnostics] == codes


async def leave(machines: Machines, step: UninstallMachine | LeaveMachine, said: str = "") -> None:
    host = FakeHost(GONE, lambda call: output(said) if "uninstall" in call.command else machines.answer(call))
    remover = NodeRemover("local", machines.plan.distro, FakeApi(machines), nowhere)
    await remover.depart(GONE, (step,), host)


async def test_a_machine_is_forgotten_when_it_is_clean() -> None:
    machines = Machines(desired_cluster(1, 1))
    machines.configs[RECORD] = {GONE: "agent 10.0.0.9", A1: "agent 10.0.0.1"}
    with pytest.raises(InstallFailed, match="could not be removed from"):
        await leave(machines, UninstallMachine(node=GONE, why="x"), "something else\n")
    assert GONE in machines.configs[RECORD]
    await leave(machines, UninstallMachine(node=GONE, why="x"), "kbootstrap-uninstall removed\n")
    assert machines.configs[RECORD] == {A1: "agent 10.0.0.1"}


async def test_one_that_is_left_is_remembered() -> None:
    machines = Machines(desired_cluster(1, 1))
    machines.configs[RECORD] = {GONE: "agent 10.0.0.9"}
    await leave(machines, LeaveMachine(node=GONE, why="x", machine=machine()))
    found = await observe(FakeApi(machines), record=RECORD)
    assert found
    assert found.machines == {GONE: machine(left=True)}
