"""`destroy` is cut anywhere: the next one ends it, and a cluster of that spec can be created again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.operator import Operator
from tests.fleet.test_cuts import points
from tests.fleet.wishes import Pool, Wish

BASE = Wish(servers=3, pools=(Pool("web", 2),))


def made(folder: Path, *, cloud: bool) -> Operator:
    operator = Operator(folder, BASE, cloud=cloud)
    operator.make()
    return operator


def gone(operator: Operator) -> bool:
    return not (operator.world.machines or operator.world.state)


@pytest.mark.parametrize("cloud", [True, False], ids=["in a cloud", "local"])
def test_cut_anywhere(tmp_path: Path, *, cloud: bool) -> None:
    operator = made(tmp_path, cloud=cloud)
    begin = operator.desk.copy()
    whole = operator.desk.destroy()
    assert whole.error is None
    assert gone(operator)
    assert [call for call in whole.calls if call.startswith("delete ")] == (
        [f"delete {name}" for name in sorted(BASE.names())] if cloud else []
    )
    for number in points(whole.calls):
        operator.desk.back(begin)
        cut = operator.desk.destroy(cut=number)
        assert cut.cut
        healed = operator.desk.destroy()
        assert healed.error is None, f"cut after call {number}: {cut.calls[-1]}: {healed.error}"
        assert gone(operator)
    assert operator.converge().error is None


def test_a_cluster_is_created_again_where_a_cut_left_a_state_without_machines(tmp_path: Path) -> None:
    operator = made(tmp_path, cloud=True)
    begin = operator.desk.copy()
    last = operator.desk.destroy().calls.index("tofu destroy")
    operator.desk.back(begin)
    assert operator.desk.destroy(cut=last).cut
    assert operator.world.machines == {}
    assert operator.world.state
    assert operator.converge().error is None
