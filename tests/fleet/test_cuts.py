"""Runs that are cut at commands, requests and applies of OpenTofu, as by `kill -9`; the next one heals it.

What must hold: the same end state as without the cut, one cluster, quorum at every moment, and never more
agents of a pool away than may be. `--full` cuts at every point, a usual run at every sixth one: points that
follow each other are mostly steps of one kind on several nodes. How many there were is printed: `pytest -rP`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fleet.operator import Operator
from tests.fleet.wishes import CLUSTER, OTHERS, VERSIONS, Pool, Wish
from tests.fleet.world import SERVERS

S1, S2, S3 = (f"{CLUSTER}-control-plane-{n}" for n in (1, 2, 3))
W1, W2 = (f"{CLUSTER}-web-{n}" for n in (1, 2))
BASE = Wish(servers=3, pools=(Pool("web", 2),))
ONE = Wish(servers=1, pools=(Pool("web", 1),))
RKE2 = Wish(servers=3, version=OTHERS[0], pools=(Pool("web", 1),), disable=())
EACH = 6
"""A usual run cuts at one of so many points; cases begin at different ones."""


@dataclass(frozen=True)
class Case:
    """A change: from a spec that was applied (None: nothing is there) to another one.

    `replaced` are nodes that get a new machine; `again` heals by the same command instead of `apply`, `back`
    by an apply of the spec as it was before. `shares`: the nodes share artifacts, so none is sent. `cloud`:
    OpenTofu takes a minute, and nodes are installed meanwhile.
    """

    name: str
    before: Wish | None
    after: Wish
    replaced: tuple[str, ...] = ()
    again: bool = False
    back: bool = False
    shares: bool = False
    cloud: bool = False
    spoil: Callable[[Operator], None] = lambda _operator: None


def _by_hand(operator: Operator) -> None:
    for name in operator.wish.agent_names():
        machine = operator.world.machines[name]
        machine.files[machine.paths.config] += b"# by hand\n"


def _shares(operator: Operator) -> None:
    """Its nodes were sent what they have."""
    operator.world.shares = True


def _broken(operator: Operator) -> None:
    """OpenTofu failed at the last resource, when servers were installed already."""
    operator.world.breaks = SERVERS
    ended = operator.desk.apply()
    assert ended.code == "KB0501"
    operator.world.breaks = ""


def _gone(operator: Operator) -> None:
    operator.world.halt(operator.world.machines[S2], running=False)
    operator.world.destroy(S2)


CASES = (
    Case("new", None, BASE),
    Case("new in a cloud", None, BASE, cloud=True),
    Case("new in a cloud, after a failure", None, ONE, cloud=True, spoil=_broken),
    Case("upgrade", BASE, replace(BASE, version=VERSIONS[1])),
    Case("new, shared artifacts", None, BASE, shares=True),
    Case("upgrade, shared artifacts", BASE, replace(BASE, version=VERSIONS[1]), shares=True),
    Case("upgrade, artifacts are shared now", BASE, replace(BASE, version=VERSIONS[1]), spoil=_shares),
    Case("an agent is replaced", BASE, BASE, replaced=(W1,)),
    Case("an agent is replaced, again", BASE, BASE, replaced=(W1,), again=True),
    Case("the initial server is replaced", BASE, BASE, replaced=(S1,)),
    Case("the initial server is replaced, again", BASE, BASE, replaced=(S1,), again=True),
    Case("a server is replaced", BASE, BASE, replaced=(S3,)),
    Case("a server's machine is gone", BASE, BASE, spoil=_gone),
    Case("three servers to one, an agent fewer", BASE, ONE),
    Case("five servers to three", replace(BASE, servers=5), BASE),
    Case("one server to three, an agent more", ONE, BASE),
    Case("three servers to one, taken back", BASE, ONE, back=True),
    Case("one server to three, taken back", ONE, BASE, back=True),
    Case("one server to five, taken back", ONE, replace(ONE, servers=5), back=True),
    Case("an agent fewer, taken back", BASE, replace(BASE, pools=(Pool("web", 1),)), back=True),
    Case("a pool for another one", BASE, replace(BASE, pools=(Pool("db", 2, taints=("a=b:NoSchedule",)),))),
    Case("a pool is renamed", BASE, replace(BASE, pools=(Pool("shop", 2, former=("web",)),))),
    Case("servers have another setting", BASE, replace(BASE, disable=("traefik",))),
    Case("agents were changed by hand", BASE, BASE, spoil=_by_hand),
    Case("new, RKE2", None, RKE2),
    Case("new in a cloud, RKE2", None, RKE2, cloud=True),
    Case("new, hardened", None, replace(ONE, hardened=True)),
    Case("new, hardened, RKE2", None, replace(RKE2, servers=1, hardened=True)),
    Case("upgrade, RKE2", RKE2, replace(RKE2, version=OTHERS[1])),
    Case("upgrade on one machine, RKE2", RKE2, replace(RKE2, version=OTHERS[1]), shares=True),
    Case("a mirror and a proxy, RKE2", RKE2, replace(RKE2, mirror=True)),
    Case("a server is replaced, RKE2", RKE2, RKE2, replaced=(S3,)),
    Case("three servers to one, RKE2", RKE2, replace(RKE2, servers=1)),
)


def made(folder: Path, case: Case) -> Operator:
    """Return the fleet right before the change."""
    operator = Operator(folder, case.before or case.after, shares=case.shares, cloud=case.cloud)
    if case.before is not None:
        operator.make()
        operator.edit(case.after, without=case.replaced)
    case.spoil(operator)
    return operator


def points(calls: list[str]) -> Iterator[int]:
    """Go through the numbers of calls; of one that is asked again and again only the first and the last.

    Looks at a unit while something is waited for are no points of their own: they change nothing.
    """
    kept = [(number, what) for number, what in enumerate(calls, 1) if ": systemctl show" not in what]
    for at, (number, what) in enumerate(kept):
        around = (kept[at - 1][1] if at else "", kept[at + 1][1] if at + 1 < len(kept) else "")
        if around != (what, what):
            yield number


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_cut_anywhere(case: Case, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    operator = made(tmp_path, case)
    begin = operator.desk.copy()
    whole = operator.desk.apply(replaced=case.replaced)
    assert whole.error is None
    operator.settled()
    if operator.world.shares:
        assert not [call for call in whole.calls if re.search(r": put \S*k3s(-airgap\S*)?$", call)]
    every = list(points(whole.calls))
    chosen = every if pytestconfig.getoption("--full") else every[CASES.index(case) % EACH :: EACH]
    assert chosen
    for number in chosen:
        operator.desk.back(begin)
        operator.wish = case.after
        cut = operator.desk.apply(replaced=case.replaced, cut=number)
        assert cut.cut
        where = f"cut after call {number}: {cut.calls[-1]}"
        if case.back and case.before:
            operator.edit(case.before, without=case.after.names() ^ case.before.names())
        try:
            healed = operator.converge(case.replaced if case.again else ())
        except AssertionError as error:
            raise AssertionError(where) from error
        assert healed.error is None, f"{where}: {healed.error} {healed.error.detail}"
    sys.stdout.write(
        f"{case.name}: {len(chosen)} of {len(every)} points cut and healed, {len(whole.calls)} calls\n"
    )


def test_nothing_of_a_run_that_was_cut_is_carried_out(tmp_path: Path) -> None:
    """The cut itself: of the first call nothing is seen, and after it the world stands still."""
    operator = Operator(tmp_path, ONE)
    cut = operator.desk.apply(cut=1, after=False)
    assert cut.cut
    assert cut.calls == ["tofu apply"]
    assert operator.world.machines == {}
    operator.desk.apply(cut=5)
    touched = list(operator.world.touched)
    operator.desk.wait(100)
    assert operator.world.touched == touched
