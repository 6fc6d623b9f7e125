"""Which elastic machines are nodes, and which must leave, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kbootstrap.plans.elastic import ABANDONED, INSTALLING, Elastic, judge
from kbootstrap.providers.elastic import ElasticMachine, MachinePhase
from kbootstrap.spec.lock import Lock, allocate
from kbootstrap.spec.topology import is_elastic, nodes
from tests.spec.samples import spec_of

NOW = 1_000_000.0
SPEC = """apiVersion: kbootstrap/v1alpha1
name: shop
clusters:
  prod:
    provider: {openstack: {cloud: a, external_network: public, image: {name: Debian 12}}}
    kubernetes: {version: v1.32.0+k3s1}
    network: {cidr: 10.20.0.0/16, control_plane: 10.20.0.0/24, agents: 10.20.4.0/22}
    control_plane: {nodes: 1, flavor: s}
    pools:
      - {name: web, flavor: s, labels: {tier: web}, autoscaling: {min: 2, max: 5, flavors: [s, l]}}
      - {name: db, flavor: s, nodes: 1}
"""


def machine(name: str, address: str = "10.20.4.43", **more: object) -> ElasticMachine:
    one = ElasticMachine(f"id-{name}", name, "web", "s", address, MachinePhase.RUNNING, NOW - 3000)
    return replace(one, **more)  # type: ignore[arg-type] # written as a table


def judged(
    *machines: ElasticMachine,
    known: Mapping[str, bool] | None = None,
    asked: tuple[str, ...] = (),
    text: str = SPEC,
    abandoned: str = "",
) -> Elastic:
    spec = spec_of(text)
    cluster, lock = spec.clusters[0], allocate(spec, Lock())
    ready = {one.name: True for one in machines} if known is None else known
    return judge(cluster, lock, nodes(cluster, lock), machines, ready, NOW, asked, abandoned=abandoned)


A, B, C, D = (f"prod-web-{letters}" for letters in ("bcdfg", "hjkmn", "pqrst", "vwxzb"))


def test_a_node_stays_with_the_settings_of_its_pool() -> None:
    (node,) = judged(machine(A)).staying
    assert (node.name, node.role, node.pool, str(node.address)) == (A, "agent", "web", "10.20.4.43")
    assert (node.labels, node.ordinal) == ({"tier": "web"}, 1)


def test_a_machine_is_no_member_before_its_node_is_ready() -> None:
    young = machine(A, created=NOW - 60)
    assert judged(young, known={}).joining == (A,)
    assert judged(young, known={A: False}).joining == (A,)
    assert judged(young, known={A: False}).moving == {A: "being created"}
    grown = machine(A, created=NOW - INSTALLING - 1)
    assert [node.name for node in judged(grown, known={A: False}).staying] == [A]


def test_what_the_spec_has_no_place_for() -> None:
    assert "no autoscaled pool db" in judged(machine(A, pool="db")).leaving[A]
    assert "no autoscaled pool gone" in judged(machine(A, pool="gone")).leaving[A]
    assert "no longer has the flavor xl" in judged(machine(A, flavor="xl")).leaving[A]
    assert judged(machine(A, flavor="l")).leaving == {}


def test_an_address_that_a_new_node_needs() -> None:
    """Also of one that leaves for another reason: its pool has left the spec, and with it its block."""
    found = judged(machine(A, "10.20.4.12"), machine(B), machine(C, "10.20.4.27", pool="gone"))
    assert found.leaving[A] == "prod-web-2 gets its address, 10.20.4.12"
    assert "no autoscaled pool gone" in found.leaving[C]
    assert found.first == {A, C}


def test_beyond_the_maximum_the_newest_nodes_leave() -> None:
    four = [machine(name, f"10.20.4.{n}", created=NOW - 5000 + n) for n, name in enumerate((A, B, C, D), 43)]
    assert set(judged(*four).leaving) == {D}
    # One that has failed and is being deleted is still listed, and takes no node's place.
    assert judged(*four, known={A: True, B: True, D: True}).leaving == {C: NEVER}


NEVER = "it never became a node, and nothing installs it"


def test_an_abandoned_machine() -> None:
    assert judged(machine(A, created=NOW - ABANDONED + 1), known={}).leaving == {}
    assert judged(machine(A, created=NOW - ABANDONED - 1), known={}).leaving == {A: NEVER}
    failed = machine(A, phase=MachinePhase.FAILED, created=NOW - ABANDONED - 1)
    assert judged(failed, known={}).leaving == {A: NEVER}


def test_what_was_asked_for() -> None:
    two = (machine(A), machine(B, "10.20.4.44"))
    assert set(judged(*two, asked=(A,)).leaving) == {A}
    assert set(judged(*two, asked=("prod/web",)).leaving) == {A, B}
    assert judged(*two, asked=("prod/db", "prod-web-1")).leaving == {}


def test_a_node_whose_machine_goes() -> None:
    leaving = machine(A, phase=MachinePhase.DELETING)
    found = judged(leaving, known={A: True, B: False, "prod-web-1": True})
    assert found.passing == {A, B}
    assert found.machines == {}
    assert found.moving == {A: "being removed", B: "being removed"}


def test_names() -> None:
    assert is_elastic("prod", A)
    assert is_elastic("prod", "prod-a-b-bcdfg")
    assert not any(
        is_elastic("prod", name) for name in ("prod-web-1", "prod-web-bcdf1", "prod-web-abcde", "x-web-bcdfg")
    )


def test_all_leave_with_the_server_that_took_care_of_them() -> None:
    """Also one that is being installed: nothing goes on with it."""
    young = machine(B, "10.20.4.44", created=NOW - 60)
    found = judged(machine(A), young, known={A: True}, abandoned="the server leaves")
    assert found.leaving == {A: "the server leaves", B: "the server leaves"}
    assert found.staying == ()
