"""Nodes of a new cluster are installed while OpenTofu still creates other resources, on a simulated fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.core.errors import HostUnreachable, InstallFailed, TofuFailed
from kbootstrap.core.events import Status, Type
from kbootstrap.distros.common import STAMP
from kbootstrap.engine.overlap import verify_same
from tests.fleet import infra
from tests.fleet.desk import Ended
from tests.fleet.infra import BALANCER_AT, NETWORK
from tests.fleet.operator import Operator
from tests.fleet.provider import InCreation
from tests.fleet.wishes import CLUSTER, Pool, Wish
from tests.fleet.world import SERVERS, World

S1, S2, S3 = (f"{CLUSTER}-control-plane-{n}" for n in (1, 2, 3))
W1, W2 = (f"{CLUSTER}-web-{n}" for n in (1, 2))
BASE = Wish(servers=3, pools=(Pool("web", 2),))


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path, BASE, cloud=True)


def starts(ended: Ended) -> dict[str, int]:
    """Return when the service of each node is started, as the number of the call."""
    return {
        what.partition(":")[0]: number
        for number, what in enumerate(ended.calls)
        if ": date +%s; rm -f" in what
    }


def steps(ended: Ended, step: str, status: Status) -> list[str | None]:
    found = [one for one in ended.events if one.type is Type.STEP and one.step == step]
    return [one.node for one in found if one.status is status]


def test_servers_serve_before_the_load_balancer_exists(operator: Operator) -> None:
    world = operator.world
    ended = operator.desk.apply()
    assert ended.error is None
    assert {m.booted for m in world.machines.values()} != {0.0}
    served = [m.process.served_at for m in world.machines.values() if m.process and m.process.serving]
    assert len(served) == 3
    assert max(served) < BALANCER_AT
    assert BALANCER_AT < world.now < BALANCER_AT + 15
    assert world.offers == {}
    operator.settled()


def test_without_it_the_same_takes_longer_and_ends_the_same(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert operator.desk.apply().error is None
    (tmp_path / "other").mkdir()
    other = Operator(tmp_path / "other", BASE, cloud=True)
    monkeypatch.setattr(InCreation, "ready", lambda *_: frozenset())
    assert other.desk.apply().error is None
    other.settled()
    assert operator.world.now < other.world.now - 15
    assert set(operator.world.machines) == set(other.world.machines)


def test_agents_that_arrive_late_and_join_when_they_can(operator: Operator) -> None:
    ended = operator.desk.apply()
    began = starts(ended)
    assert list(began)[:3] == [S1, S2, S3]
    assert set(list(began)[3:]) == {W1, W2}
    sent = [what for what in ended.calls if "place=/usr/local/bin/k3s" in what]
    assert sent[-1].startswith(W2), "the last machine came last"
    assert len(sent) == len(BASE.names()) - 1, "the first server passes it on to all others"
    assert [what for what in ended.calls if "put /usr/local/bin/k3s" in what] == [
        f"{S1}: put /usr/local/bin/k3s"
    ]
    assert ended.calls.index(sent[-1]) > ended.calls.index(f"{S1}: cat /etc/rancher/k3s/k3s.yaml")


def test_phases_overlap_and_steps_know_theirs(operator: Operator) -> None:
    ended = operator.desk.apply()
    phases = [(one.phase, one.status) for one in ended.events if one.type is Type.PHASE]
    assert phases.index(("nodes", Status.STARTED)) < phases.index(("infrastructure", Status.DONE))
    assert phases.index(("infrastructure", Status.DONE)) < phases.index(("nodes", Status.DONE))
    assert {one.phase for one in ended.events if one.type is Type.STEP and one.node} <= {"connect", "nodes"}


@pytest.mark.parametrize("address", [SERVERS, f'module.pool_web.terraform_data.node["{W2}"]'])
def test_opentofu_fails_and_what_was_installed_stays(operator: Operator, address: str) -> None:
    world = operator.world
    world.breaks = address
    ended = operator.desk.apply()
    assert isinstance(ended.error, TofuFailed)
    assert ended.error.exit_code == 6
    before = {name: machine.instance for name, machine in world.machines.items()}
    cluster = world.cluster
    assert cluster is not None
    assert any(member.voter for member in cluster.members.values())
    world.breaks = ""
    assert operator.converge().error is None
    assert {name: world.machines[name].instance for name in before} == before
    assert world.clusters == [cluster]


def test_what_an_earlier_run_created_is_known_too(operator: Operator) -> None:
    """OpenTofu failed when there was no machine yet, as without quota for them; the next run begins again."""
    world = operator.world
    world.breaks = f'module.control_plane.terraform_data.node["{S1}"]'
    assert operator.desk.apply().code == "KB0501"
    assert world.machines == {}
    assert NETWORK in world.state
    world.breaks = ""
    began = world.now
    ended = operator.desk.apply()
    assert ended.error is None
    phases = [(one.phase, one.status) for one in ended.events if one.type is Type.PHASE]
    assert phases.index(("nodes", Status.STARTED)) < phases.index(("infrastructure", Status.DONE))
    assert world.now < began + BALANCER_AT + 15
    operator.settled()


def test_a_node_fails_and_opentofu_comes_to_its_end_first(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, make = operator.world, World.make

    def silent(world: World, name: str, address: str) -> str:
        made = make(world, name, address)
        world.machines[name].answers = name != W1
        return made

    monkeypatch.setattr(World, "make", silent)
    ended = operator.desk.apply()
    assert isinstance(ended.error, HostUnreachable)
    assert ended.error.host == W1
    assert SERVERS in world.state, "OpenTofu was stopped"
    assert world.creating == {}
    assert world.cluster is not None
    assert set(world.cluster.nodes) == BASE.names() - {W1}, "the others are there"
    monkeypatch.setattr(World, "make", make)
    world.machines[W1].answers = True
    assert operator.converge().error is None


def test_a_refusal_is_reported_while_opentofu_goes_on(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.fleet.commands import Shell

    system = Shell._system
    monkeypatch.setattr(
        Shell, "_system", lambda self: [x.replace("memory 4000", "memory 100") for x in system(self)]
    )
    ended = operator.desk.apply()
    assert isinstance(ended.error, InstallFailed)
    said = [one.detail for one in ended.events if one.type is Type.DIAGNOSTIC]
    assert any("the infrastructure is completed first" in str(text) for text in said)
    assert SERVERS in operator.world.state
    monkeypatch.setattr(Shell, "_system", system)
    assert operator.converge().error is None


def test_machines_that_are_not_blank_wait_for_the_end(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image with remains of a cluster: the order is that of a cluster that exists, with its refusals."""
    world, make = operator.world, World.make

    def used(world: World, name: str, address: str) -> str:
        made = make(world, name, address)
        world.machines[name].files[STAMP] = b"cluster sim\n"
        return made

    monkeypatch.setattr(World, "make", used)
    ended = operator.desk.apply()
    assert ended.error is None
    phases = [(one.phase, one.status) for one in ended.events if one.type is Type.PHASE]
    assert phases.index(("infrastructure", Status.DONE)) < phases.index(("nodes", Status.STARTED))
    assert world.now > BALANCER_AT


def test_other_machines_in_the_outputs_are_an_error(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = infra.Tofu.outputs

    def other(tofu: infra.Tofu) -> object:
        found = outputs(tofu)
        if found:
            found["kbootstrap"]["nodes"][W1]["instance"] = "i-other"
        return found

    monkeypatch.setattr(infra.Tofu, "outputs", other)
    ended = operator.desk.apply()
    assert ended.code == "KB0863"
    assert "i-other" in str(ended.error and ended.error.detail)


def test_the_same_machines_are_no_error() -> None:
    node = {"role": "server", "address": "10.0.0.11", "instance": "i-1"}
    internal = {"host": "10.0.0.10", "port": 6443}
    early = {"nodes": {"c-control-plane-1": node}, "endpoint": {"internal": internal}, "bastion": None}
    final = {
        "nodes": {"c-control-plane-1": dict(node), "c-web-1": {}},
        "endpoint": {"internal": dict(internal), "external": {"host": "203.0.113.9", "port": 6443}},
    }
    verify_same("c", early, final)
