"""Maintenance of a simulated fleet: order, quorum, windows, and runs that are cut at any call."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kbootstrap.cluster.decide.host_updates import SETTINGS
from tests.fleet.edits import MAINTENANCE
from tests.fleet.machines import REBOOTS, REQUIRED
from tests.fleet.operator import Operator
from tests.fleet.test_cuts import points
from tests.fleet.wishes import CLUSTER, OTHERS, Pool, Wish

S1, S2, S3 = (f"{CLUSTER}-control-plane-{n}" for n in (1, 2, 3))
W1, W2, W3 = (f"{CLUSTER}-web-{n}" for n in (1, 2, 3))
BASE = Wish(servers=3, pools=(Pool("web", 2),), maintenance=MAINTENANCE)
ONE = replace(BASE, servers=1, pools=(Pool("web", 1),))
RKE2 = replace(BASE, version=OTHERS[0], disable=())
EACH = 5
"""A usual run cuts at one of so many points."""


def made(folder: Path, wish: Wish, *packages: str) -> Operator:
    """Return a fleet on whose machines these packages have updates."""
    operator = Operator(folder, wish)
    operator.make()
    operator.edit(wish)
    for machine in operator.world.machines.values():
        machine.updates |= set(packages)
    return operator


def done(operator: Operator) -> None:
    """See that no machine waits for anything, and that all nodes serve."""
    for name, machine in operator.world.machines.items():
        assert not machine.updates, name
        assert not machine.has(REQUIRED), name
    operator.desk.wait(20)
    operator.settled()


def rebooted(operator: Operator) -> list[str]:
    return [name for name, _ in operator.world.reboots]


@pytest.mark.parametrize("wish", [BASE, ONE, RKE2], ids=["three", "one", "rke2"])
def test_all_machines_are_updated_and_rebooted_in_order(tmp_path: Path, wish: Wish) -> None:
    operator = made(tmp_path, wish, "libssl3", REBOOTS)
    ended = operator.desk.maintain()
    assert ended.error is None, ended.error
    assert rebooted(operator) == [*sorted(wish.server_names()), *sorted(wish.agent_names())]
    done(operator)
    again = operator.desk.maintain()
    assert again.error is None
    assert not again.changed
    assert len(operator.world.reboots) == len(wish.names())


def test_a_bastion_that_is_a_server_reboots(tmp_path: Path) -> None:
    """The connections to all others lead through it, and the lease is renewed over them."""
    operator = Operator(tmp_path, BASE, cloud=True)
    operator.make()
    for machine in operator.world.machines.values():
        machine.updates.add(REBOOTS)
    ended = operator.desk.maintain()
    assert ended.error is None, ended.error
    assert rebooted(operator) == [S1, S2, S3, W1, W2]
    done(operator)


def test_no_reboot_where_none_is_required(tmp_path: Path) -> None:
    operator = made(tmp_path, BASE, "libssl3")
    ended = operator.desk.maintain()
    assert ended.error is None, ended.error
    assert rebooted(operator) == []
    done(operator)


def test_never_means_that_machines_wait(tmp_path: Path) -> None:
    operator = made(tmp_path, replace(BASE, maintenance="{reboot: never}"), REBOOTS)
    assert operator.desk.maintain().error is None
    assert rebooted(operator) == []
    assert all(machine.has(REQUIRED) for machine in operator.world.machines.values())
    again = operator.desk.maintain()
    assert not again.changed
    operator.settled()


def test_updates_are_left_alone_where_only_reboots_are_wanted(tmp_path: Path) -> None:
    wish = replace(BASE, maintenance=MAINTENANCE.replace("}, ", "}, os_updates: none, "))
    operator = made(tmp_path, wish, "libssl3")
    operator.world.machines[W1].put(REQUIRED, REBOOTS)
    assert operator.desk.maintain().error is None
    assert rebooted(operator) == [W1]
    assert all(machine.updates == {"libssl3"} for machine in operator.world.machines.values())


def test_agents_of_a_pool_are_rebooted_as_many_as_may_be_unavailable(tmp_path: Path) -> None:
    wish = replace(BASE, servers=1, pools=(Pool("web", 3, at_once=2),))
    operator = made(tmp_path, wish, REBOOTS)
    ended = operator.desk.maintain()
    assert ended.error is None, ended.error
    assert {*rebooted(operator)[1:3]} == {W1, W2}
    assert rebooted(operator)[3:] == [W3]
    done(operator)


def test_nothing_begins_and_no_machine_reboots_after_the_window(tmp_path: Path) -> None:
    operator = made(tmp_path, BASE, "libssl3", REBOOTS)
    begun = operator.world.now
    closing = datetime(2026, 11, 29, 23, 59, tzinfo=UTC)
    short = 20.0

    def now() -> datetime:
        return closing + timedelta(seconds=operator.world.now - begun - short)

    ended = operator.desk.maintain(now=now)
    assert ended.error is None, ended.error
    names = rebooted(operator)
    assert 0 < len(names) < len(BASE.names())
    assert all(when - begun <= short + 2 for _, when in operator.world.reboots)
    left = [name for name, machine in operator.world.machines.items() if machine.updates]
    assert left
    operator.settled()
    assert operator.desk.maintain().error is None
    done(operator)


def test_the_window_ends_while_a_server_hands_over(tmp_path: Path) -> None:
    operator = made(tmp_path, BASE, "libssl3", REBOOTS)
    looks = 0

    def now() -> datetime:
        nonlocal looks
        looks += 1  # before the node, before it hands over, and right before its machine reboots
        return datetime(2026, 11, 29, 23, 58 if looks < 3 else 59, tzinfo=UTC)

    ended = operator.desk.maintain(now=now)
    assert ended.error is None, ended.error
    assert rebooted(operator) == []
    assert [call for call in ended.calls if "kbootstrap/hand-over" in call] != []
    assert [name for name, machine in operator.world.machines.items() if machine.has(REQUIRED)] == [S1]
    assert not operator.world.machines[S1].updates
    operator.settled()


def test_a_node_that_others_cordoned_stays_cordoned(tmp_path: Path) -> None:
    operator = made(tmp_path, BASE, REBOOTS)
    cluster = operator.world.cluster
    assert cluster
    cluster.nodes[W1].unschedulable = True
    assert operator.desk.maintain().error is None
    assert len(operator.world.reboots) == len(BASE.names())
    assert [name for name, node in cluster.nodes.items() if node.unschedulable] == [W1]


def test_a_server_is_not_touched_without_quorum(tmp_path: Path) -> None:
    operator = made(tmp_path, BASE, "libssl3", REBOOTS)
    operator.world.halt(operator.world.machines[S2], running=False)
    operator.world.machines[S2].enabled.clear()
    ended = operator.desk.maintain()
    assert ended.error is not None
    assert rebooted(operator) == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("wish", [BASE, ONE, RKE2], ids=["three", "one", "rke2"])
def test_cut_anywhere(tmp_path: Path, wish: Wish, pytestconfig: pytest.Config) -> None:
    """The next run goes on, and so does an `apply`."""
    operator = made(tmp_path, wish, "libssl3", REBOOTS)
    begin = operator.desk.copy()
    whole = operator.desk.maintain()
    assert whole.error is None, whole.error
    every = list(points(whole.calls))
    chosen = every if pytestconfig.getoption("--full") else every[::EACH]
    for turn, number in enumerate(chosen):
        operator.desk.back(begin)
        cut = operator.desk.maintain(cut=number)
        assert cut.cut
        operator.desk.wait(5)  # a reboot that was requested has begun
        where = f"cut after call {number}: {cut.calls[-1]}"
        if turn % 3 == 2:
            healed = operator.desk.apply()
            assert healed.error is None, f"{where}: {healed.error}"
            operator.settled()
        ended = operator.desk.maintain()
        assert ended.error is None, f"{where}: {ended.error} {ended.error.detail}"
        assert Counter(rebooted(operator)) == Counter(wish.names()), where
        done(operator)


def test_settings_come_and_go_with_the_spec(tmp_path: Path) -> None:
    operator = Operator(tmp_path, replace(BASE, maintenance=""))
    operator.make()
    assert not any(machine.has(SETTINGS) for machine in operator.world.machines.values())
    operator.edit(BASE)
    assert operator.converge().error is None
    texts = {machine.text(SETTINGS) for machine in operator.world.machines.values()}
    assert [text.count('Unattended-Upgrade "0"') for text in texts] == [1]
    assert not [one for one in operator.world.touched if one[0] == "api"]
    operator.edit(replace(BASE, maintenance=""))
    assert operator.converge().error is None
    texts = {machine.text(SETTINGS) for machine in operator.world.machines.values()}
    assert [text for text in texts if "Unattended" in text] == []
