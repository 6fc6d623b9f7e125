"""Elastic machines in the simulated fleet: made by the installer, members for `apply`, never fought over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fleet.operator import Operator
from tests.fleet.test_cuts import points
from tests.fleet.wishes import OTHERS, VERSIONS, Pool, Wish

WEB = Pool("web", 1, labels={"tier": "a"}, taints=("a=b:PreferNoSchedule",), most=4)
WISH = Wish(servers=1, pools=(WEB,))
RKE2 = replace(WISH, version=OTHERS[0], disable=())
BOTH = pytest.mark.parametrize("wish", [WISH, RKE2], ids=["k3s", "rke2"])
A, B, C = (f"sim-web-{letters}" for letters in ("bcdfg", "hjkmn", "pqrst"))
STATIC = "sim-web-1"


def fleet(folder: Path, wish: Wish = WISH, *, cloud: bool = False) -> Operator:
    operator = Operator(folder, wish, cloud=cloud)
    operator.make()
    return operator


def grown(folder: Path, *names: str, wish: Wish = WISH, cloud: bool = False) -> Operator:
    """Return a fleet with elastic nodes, made a minute after each other."""
    operator = fleet(folder, wish, cloud=cloud)
    for name in names:
        ended = operator.desk.grow("web", name)
        assert ended.error is None, f"{ended.error} {ended.error.detail}"
        operator.desk.wait(60)
    operator.world.touched.clear()
    return operator


@pytest.mark.parametrize("hardened", [False, True], ids=["", "hardened"])
@BOTH
def test_an_elastic_node_is_like_every_other(wish: Wish, hardened: bool, tmp_path: Path) -> None:
    """The same files and labels; and the operator's apply has nothing to do with it."""
    operator = grown(tmp_path, A, wish=replace(wish, hardened=hardened))
    operator.settled()
    machines = operator.world.machines
    own, static = machines[A], machines[STATIC]
    assert set(own.files) == set(static.files)
    same = [path for path in own.files if own.files[path] == static.files[path]]
    different = {*own.files} - {*same}
    config = own.paths.config
    assert config in different, "its name and its address"
    assert own.files[config] == static.files[config].replace(STATIC.encode(), A.encode()).replace(
        static.address.encode(), own.address.encode()
    )
    assert operator.concerned() == set()


@pytest.mark.parametrize("cloud", [False, True])
@BOTH
def test_an_upgrade_reaches_it(wish: Wish, tmp_path: Path, cloud: bool) -> None:
    operator = grown(tmp_path, A, B, wish=wish, cloud=cloud)
    operator.edit(replace(operator.wish, version=wish.versions[1]))
    assert operator.converge().error is None
    assert operator.elastic() == {A, B}


def test_labels_reach_it(tmp_path: Path) -> None:
    operator = grown(tmp_path, A)
    operator.edit(replace(WISH, pools=(replace(WEB, labels={"tier": "b"}, taints=()),)))
    assert operator.converge().error is None


@BOTH
def test_a_new_node_is_never_newer_than_the_servers(wish: Wish, tmp_path: Path) -> None:
    """The spec has a newer version that was not applied yet."""
    operator = fleet(tmp_path, wish)
    operator.edit(replace(operator.wish, version=wish.versions[1]))
    assert operator.desk.grow("web", A).error is None
    assert operator.world.machines[A].version() == wish.versions[0]
    assert operator.converge().error is None
    assert operator.world.machines[A].version() == wish.versions[1]


def _no_bounds(wish: Wish) -> Wish:
    return replace(wish, pools=(replace(WEB, most=0),))


def _no_pool(wish: Wish) -> Wish:
    return replace(wish, pools=(Pool("db", 1),))


def _smaller(wish: Wish) -> Wish:
    return replace(wish, pools=(replace(WEB, most=2),))


@pytest.mark.parametrize(
    ("change", "left"),
    [(_no_bounds, set()), (_no_pool, set()), (_smaller, {A})],
    ids=["bounds", "pool", "max"],
)
def test_what_the_spec_has_no_place_for_leaves(
    change: Callable[[Wish], Wish], left: set[str], tmp_path: Path
) -> None:
    """Without bounds, without the pool; of a smaller maximum the newest ones."""
    operator = grown(tmp_path, A, B)
    operator.edit(change(operator.wish))
    ended = operator.converge()
    assert ended.error is None, f"{ended.error} {ended.error.detail}"
    assert operator.elastic() == left


def test_a_larger_minimum_does_not_touch_them(tmp_path: Path) -> None:
    """Elastic nodes have addresses of their own."""
    operator = grown(tmp_path, A, B)
    operator.edit(replace(WISH, pools=(replace(WEB, nodes=2),)))
    ended = operator.converge()
    assert ended.error is None, f"{ended.error} {ended.error.detail}"
    assert operator.elastic() == {A, B}
    assert operator.concerned() == {"sim-web-2"}


@pytest.mark.parametrize("cloud", [False, True])
def test_a_new_node_gets_the_address_that_it_needs(tmp_path: Path, cloud: bool) -> None:
    """The lock file was lost, and blocks are others now: the elastic node that is in the way leaves first.

    In a cloud, the cluster was installed while OpenTofu went on.
    """
    operator = grown(tmp_path, A, B, cloud=cloud)
    operator.world.machines[A].address = "10.9.4.12"
    operator.edit(replace(WISH, pools=(replace(WEB, nodes=2),)))
    ended = operator.converge()
    assert ended.error is None, f"{ended.error} {ended.error.detail}"
    assert operator.elastic() == {B}
    assert operator.world.machines["sim-web-2"].address == "10.9.4.12"


@BOTH
def test_replace_removes_it(wish: Wish, tmp_path: Path) -> None:
    """What takes its place is Cluster Autoscaler's decision."""
    operator = grown(tmp_path, A, B, wish=wish)
    ended = operator.converge(replaced=(A,))
    assert ended.error is None, f"{ended.error} {ended.error.detail}"
    assert operator.elastic() == {B}
    missing = operator.desk.apply(replaced=(A,))
    assert "no elastic machine sim-web-bcdfg" in str(missing.error)


def test_replacing_a_pool_means_its_elastic_nodes_too(tmp_path: Path) -> None:
    operator = grown(tmp_path, A, B)
    ended = operator.converge(replaced=(STATIC, "sim/web"))
    assert ended.error is None, f"{ended.error} {ended.error.detail}"
    assert operator.elastic() == set()


@pytest.mark.timeout(600)
@BOTH
def test_a_server_that_is_killed_anywhere(wish: Wish, tmp_path: Path) -> None:
    """Until the next server, an operator's apply leaves the machine alone; then it becomes a node."""
    operator = fleet(tmp_path, wish)
    begin = operator.desk.copy()
    whole = operator.desk.grow("web", A)
    assert whole.error is None
    numbers = [*points(whole.calls)]
    for number in numbers[:: max(1, len(numbers) // 12)]:
        operator.desk.back(begin)
        cut = operator.desk.grow("web", A, cut=number)
        where = f"cut after call {number}: {cut.calls[-1]}"
        assert cut.cut, where
        operator.world.touched.clear()
        meanwhile = operator.desk.apply()
        assert meanwhile.error is None, f"{where}: {meanwhile.error} {meanwhile.error.detail}"
        assert A not in operator.concerned() or cut.calls[-1] == whole.calls[-1], where
        healed = operator.desk.grow("web", A)
        assert healed.error is None, f"{where}: {healed.error}"
        operator.desk.wait(30)
        operator.settled()
        assert operator.elastic() == {A}


def test_nothing_installs_an_abandoned_machine(tmp_path: Path) -> None:
    """No server runs any more: a machine that is no node after half an hour is removed by the next apply."""
    operator = fleet(tmp_path)
    assert operator.desk.grow("web", A, install=False).error is None
    operator.desk.wait(60)
    ended = operator.desk.apply()
    assert (ended.error, ended.changed) == (None, False)
    operator.desk.wait(1800)
    ended = operator.converge()
    assert (ended.error, ended.changed) == (None, True)
    assert operator.elastic() == set()


def test_a_machine_that_goes_during_an_upgrade_is_no_failure(tmp_path: Path) -> None:
    """Cluster Autoscaler removes an idle node while the operator upgrades: the run goes on without it."""
    for seconds in range(3, 20, 3):
        folder = tmp_path / str(seconds)
        folder.mkdir()
        operator = grown(folder, A, B)
        operator.world.later(seconds, "vanish", A, 0)
        operator.edit(replace(operator.wish, version=VERSIONS[1]))
        ended = operator.desk.apply()
        assert ended.error is None, f"after {seconds} s: {ended.error} {ended.error.detail}"
        operator.desk.wait(60)
        operator.settled()
        assert operator.elastic() == {B}


def test_a_node_without_machine_is_forgotten(tmp_path: Path) -> None:
    """The server was killed after the machine was gone."""
    operator = grown(tmp_path, A)
    operator.desk.shrink(A, node=False)
    operator.desk.wait(120)
    ended = operator.converge()
    assert (ended.error, ended.changed) == (None, True)


def test_a_cluster_that_was_restored_without_kbootstrap(tmp_path: Path) -> None:
    """One Node is from before the snapshot and has no machine; one machine is newer, and has no Node."""
    operator = grown(tmp_path, A, B)
    operator.desk.shrink(A, node=False)
    cluster = operator.world.cluster
    assert cluster is not None
    del cluster.nodes[B]
    operator.desk.wait(120)
    assert operator.desk.apply().error is None
    assert set(cluster.nodes) == {"sim-control-plane-1", STATIC}
    assert operator.elastic() == {B}, "a young machine may be one that the server installs"
    operator.desk.wait(1900)
    assert operator.converge().error is None
    assert operator.elastic() == set()


def test_a_silent_elastic_node_does_not_stop_an_apply(tmp_path: Path) -> None:
    operator = grown(tmp_path, A)
    operator.world.halt(operator.world.machines[A], running=False)
    operator.desk.wait(120)
    operator.edit(replace(WISH, pools=(replace(WEB, labels={"tier": "b"}),)))
    ended = operator.desk.apply()
    assert ended.error is None, f"{ended.error} {ended.error.detail}"
    assert operator.world.machines[A].pool, "it is not removed: whether it may, the server decides"


def test_without_a_cloud_that_answers_nothing_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that fails is no empty list."""
    from kbootstrap.core.errors import PrerequisiteMissing
    from tests.fleet import elastic

    operator = grown(tmp_path, A)

    async def fails(*_arguments: object) -> None:
        raise PrerequisiteMissing("the cloud does not answer", code="KB1105")

    monkeypatch.setattr(elastic.Elastic, "list", fails)
    ended = operator.desk.apply()
    assert ended.code == "KB1105"
    assert operator.concerned() == set()


def test_later_machines_have_later_names(tmp_path: Path) -> None:
    """Three at once, one after another gone: their addresses are used again, never at the same time."""
    operator = grown(tmp_path, A, B, C)
    used = {operator.world.machines[name].address for name in (A, B, C)}
    assert len(used) == 3
    operator.desk.shrink(B)
    assert operator.desk.grow("web", "sim-web-vwxzb").error is None
    assert {operator.world.machines[name].address for name in operator.elastic()} == used
    operator.desk.wait(60)
    operator.settled()
