"""OpenTofu ended before it wrote the outputs, nodes are installed, and then the spec changes.

Nothing leads to the nodes: the plan cannot see them, and OpenTofu would delete machines as in any other plan.
A machine that carries something must stay until the cluster is complete.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.core.errors import WrongUsage
from kbootstrap.distros.common import STAMP
from kbootstrap.render.hcl import instance
from tests.fleet.operator import Operator
from tests.fleet.test_cuts import points
from tests.fleet.wishes import CLUSTER, Pool, Wish
from tests.fleet.world import SERVERS

S1, S2, S3 = (f"{CLUSTER}-control-plane-{n}" for n in (1, 2, 3))
W1, W2 = (f"{CLUSTER}-web-{n}" for n in (1, 2))
BASE = Wish(servers=3, pools=(Pool("web", 2),))
FEWER = Wish(servers=1, pools=(Pool("web", 1),))


def unfinished(folder: Path) -> Operator:
    """Return a fleet of which OpenTofu did not create the last resource, when servers were installed."""
    operator = Operator(folder, BASE, cloud=True)
    operator.world.breaks = SERVERS
    assert operator.desk.apply().code == "KB0501"
    operator.world.breaks = ""
    assert carrying(operator) >= {S1, S2, S3}
    return operator


def carrying(operator: Operator) -> set[str]:
    return {name for name, machine in operator.world.machines.items() if machine.has(STAMP)}


def instances(operator: Operator) -> dict[str, str]:
    return {name: machine.instance for name, machine in operator.world.machines.items()}


@pytest.mark.parametrize(
    ("wish", "leaving"),
    [
        (FEWER, {S2, S3, W2}),
        (replace(BASE, servers=1), {S2, S3}),
        (replace(BASE, pools=()), {W1, W2}),
        (replace(BASE, pools=(Pool("db", 2),)), {W1, W2}),
    ],
    ids=["fewer of all", "fewer servers", "no agents", "another pool"],
)
def test_nodes_that_carry_something_are_not_removed(tmp_path: Path, wish: Wish, leaving: set[str]) -> None:
    operator = unfinished(tmp_path)
    before, carried = instances(operator), carrying(operator) & leaving
    operator.edit(wish, without=BASE.names())
    ended = operator.desk.apply()
    assert carried
    assert ended.code == "KB0404"
    found = ended.error.diagnostics if ended.error else ()
    assert {name for name in leaving if any(f"of {name}." in d.reason for d in found)} == carried
    assert instances(operator) == before
    assert operator.concerned() == set()
    operator.edit(BASE, without=BASE.names())
    assert operator.converge().error is None
    assert instances(operator) == before


def test_a_machine_that_the_plan_would_replace_stays(tmp_path: Path) -> None:
    """Another flavor, for example: OpenTofu would replace all machines of the pool at once."""
    operator = unfinished(tmp_path)
    before = instances(operator)
    address = instance("module.control_plane.terraform_data.node", S2)
    made = dict(operator.world.state[address])
    operator.world.state[address] = {**made, "role": "of another spec"}
    ended = operator.desk.apply()
    assert ended.code == "KB0404"
    assert instances(operator) == before
    operator.world.state[address] = made
    assert operator.converge().error is None
    assert instances(operator) == before


@pytest.mark.parametrize("name", [S2, W1])
def test_a_machine_is_not_replaced_on_request(tmp_path: Path, name: str) -> None:
    operator = unfinished(tmp_path)
    before = instances(operator)
    ended = operator.desk.apply(replaced=(name,))
    assert isinstance(ended.error, WrongUsage)
    assert "is not complete" in ended.error.message
    assert instances(operator) == before
    assert operator.converge().error is None
    operator.desk.apply(replaced=(name,))
    assert instances(operator)[name] != before[name]


def test_a_machine_that_was_deleted_by_hand_is_created_again(tmp_path: Path) -> None:
    """The state has it and nothing else knows it: OpenTofu finds out, and the node joins again."""
    operator = unfinished(tmp_path)
    before = instances(operator)
    operator.world.destroy(W1)
    del operator.world.state[instance("module.pool_web.terraform_data.node", W1)]  # as after a refresh
    assert operator.converge().error is None
    after = instances(operator)
    assert after.pop(W1) != before.pop(W1)
    assert after == before


@pytest.mark.timeout(600)
def test_both_are_killed_anywhere_and_then_the_spec_gets_smaller(tmp_path: Path) -> None:
    """As when the operator's machine loses power. It is refused, or done without harm to what runs."""
    operator = Operator(tmp_path, BASE, cloud=True)
    begin = operator.desk.copy()
    whole = operator.desk.apply()
    assert whole.error is None
    outcomes = set()
    for number in list(points(whole.calls))[::7]:
        operator.desk.back(begin)
        operator.wish = BASE
        cut = operator.desk.apply(cut=number)
        operator.world.creating.clear()
        where = f"cut after call {number}: {cut.calls[-1]}"
        carried, before = carrying(operator), instances(operator)
        operator.edit(FEWER, without=BASE.names())
        ended = operator.desk.apply()
        outcomes.add(ended.code)
        if ended.code == "KB0404":
            assert instances(operator) == before, where
            operator.edit(BASE, without=BASE.names())
        elif SERVERS not in operator.world.state or ended.error:
            raise AssertionError(f"{where}: {ended.error}")
        else:
            assert {
                name for name in carried & FEWER.names() if instances(operator)[name] != before[name]
            } == set()
        assert operator.converge().error is None, where
    assert outcomes >= {None, "KB0404"}
