"""Random edits of a spec on a simulated fleet: it converges, nothing breaks, no other machine changes.

What the program refuses is fine where it changes nothing.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fleet.edits import Edit, edits, lost_data, without
from tests.fleet.operator import Operator
from tests.fleet.wishes import OTHERS, Pool, Wish

REFUSED = {
    "KB0404",  # a machine cannot go while nodes are not seen
    "KB0612",  # a machine is another one than the state knows
    "KB0809",  # a version that must not be
    "KB0853",  # nodes cannot leave while the API is silent
    "KB0854",  # the only member of etcd
    "KB0855",  # quorum
}
STARTS = (
    Wish(servers=3, pools=(Pool("web", 2),)),
    Wish(servers=1, pools=(Pool("web", 3, labels={"tier": "a"}),)),
    Wish(servers=5, pools=()),
    Wish(servers=3, version=OTHERS[0], pools=(Pool("web", 1),), disable=()),
)
_made: dict[str, bytes] = {}
outcomes: Counter[str] = Counter()


def fleet(folder: Path, wish: Wish) -> Operator:
    """Return a fleet that was made; making it once is enough."""
    operator = Operator(folder, wish)
    if wish.text() in _made:
        operator.desk.back(_made[wish.text()])
    else:
        operator.make()
        _made[wish.text()] = operator.desk.copy()
    return operator


def carry_out(operator: Operator, edit: Edit) -> None:
    """Make an edit, apply, and see that it was carried out, or refused without a change."""
    before = operator.wish
    operator.edit(edit.wish, without=without(edit))
    world = operator.world
    for name in edit.drifted:
        machine = world.machines[name]
        machine.files[machine.paths.config] += b"# by hand\n"
    if edit.lost:
        machine = world.machines[edit.lost]
        world.halt(machine, running=edit.how == "silent")
        if edit.how == "gone":
            world.destroy(edit.lost)
    copy = operator.desk.copy()
    ended = operator.converge(edit.replaced)
    touched = operator.concerned()
    if ended.error is None:
        assert touched <= edit.concerns, f"{edit} touched {touched - edit.concerns}"
        outcomes["carried out"] += 1
        return
    assert ended.code in REFUSED, f"{edit}: {ended.code} {ended.error} {ended.error.detail}"
    assert not touched, f"{edit} was refused and touched {touched}"
    outcomes[f"refused {ended.code}"] += 1
    operator.desk.back(copy)
    # As the message says: the spec as it was.
    operator.edit(before)
    if edit.lost:
        _mend(operator, edit)
    assert operator.converge().error is None


def _mend(operator: Operator, edit: Edit) -> None:
    machine = operator.world.machines[edit.lost]
    operator.world.boot(machine)
    operator.desk.wait(30)


@pytest.mark.timeout(600)
@settings(
    max_examples=60,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(start=st.sampled_from(STARTS), data=st.data())
def test_any_sequence_of_edits(start: Wish, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory(prefix="kbootstrap-fleet-") as folder:
        operator = fleet(Path(folder), start)
        for _ in range(data.draw(st.integers(1, 4))):
            edit = data.draw(edits(operator.wish).filter(lambda one: not lost_data(one, operator.wish)))
            carry_out(operator, edit)


@pytest.mark.parametrize("start", STARTS, ids=("three", "one", "five", "rke2"))
def test_a_fleet_is_made(start: Wish, tmp_path: Path) -> None:
    operator = Operator(tmp_path, start)
    operator.make()
    operator.verify()
