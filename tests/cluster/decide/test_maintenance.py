"""What maintenance does on each node, in which order, and what apply sets on machines for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kbootstrap.cluster.decide import host_updates
from kbootstrap.cluster.decide.maintenance import batches, before, cordoned, repairs, work
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.upkeep import Upkeep
from kbootstrap.cluster.steps.membership import Uncordon, WaitReady
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.service import RestartService
from kbootstrap.core.diagnostics import Severity
from kbootstrap.spec.maintenance import Maintenance
from tests.cluster.decide.test_rotation import facts_of
from tests.cluster.world import desired_cluster

AUTO = Maintenance(None, "security", "auto")
NEVER = replace(AUTO, reboot="never")
REBOOTS = Maintenance(None, "none", "auto")
NOTHING = Maintenance(None, "none", "never")
IDLE = Upkeep("apt", updates=())
UPDATE = Upkeep("apt", updates=("bash",))
REBOOT = Upkeep("apt", True, ("linux-base",), ())


def names(desired: DesiredCluster) -> list[str]:
    return [node.name for node in desired.nodes]


@pytest.mark.parametrize(
    ("how", "found", "packages", "reboot", "acts"),
    [
        (AUTO, IDLE, (), "no", False),
        (AUTO, UPDATE, ("bash",), "no", True),
        (AUTO, REBOOT, (), "now", True),
        (NEVER, REBOOT, (), "waits", False),
        (NEVER, UPDATE, ("bash",), "no", True),
        (REBOOTS, UPDATE, (), "no", False),
        (REBOOTS, REBOOT, (), "now", True),
        (AUTO, Upkeep(), (), "no", False),
    ],
)
def test_work(how: Maintenance, found: Upkeep, packages: tuple[str, ...], reboot: str, acts: bool) -> None:
    desired = desired_cluster(1, 0)
    (one,) = work(desired, how, {names(desired)[0]: found})
    assert (one.packages, one.reboot, one.acts) == (packages, reboot, acts)
    assert bool(one.unknown) == (not found.supported)


def test_servers_one_by_one_then_agents_as_many_as_may_be_unavailable() -> None:
    desired = desired_cluster(3, 3)
    every = names(desired)
    nodes = tuple(replace(node, at_once=2) for node in desired.nodes)
    desired = replace(desired, nodes=nodes)
    works = work(desired, AUTO, dict.fromkeys(every, UPDATE))
    s1, s2, s3, a1, a2, a3 = every
    assert batches(desired, works) == ((s1,), (s2,), (s3,), (a1, a2), (a3,))
    assert batches(desired, works, {a3, s2}) == ((s2,), (a3,), (s1,), (s3,), (a1, a2))
    some = work(desired, AUTO, {**dict.fromkeys(every, IDLE), s2: REBOOT, a3: UPDATE})
    assert batches(desired, some) == ((s2,), (a3,))


def test_only_what_an_interrupted_run_left_may_be_pending() -> None:
    wait = WaitReady(node="a1", why="", unit="x", version="v")
    back, restart = Uncordon(node="a1", why=""), RestartService(node="a2", why="", unit="x")
    assert repairs(Plan("c", {}))
    assert repairs(Plan("c", {"a1": (wait, back)}))
    assert not repairs(Plan("c", {"a1": (wait, back), "a2": (restart,)}))
    assert cordoned(Plan("c", {"a1": (wait, back), "a2": (wait,)})) == {"a1"}


def test_a_node_with_more_to_do_stays_cordoned_until_then() -> None:
    desired = desired_cluster(1, 1)
    server, agent = names(desired)
    steps = {
        name: (WaitReady(node=name, why="", unit="x", version="v"), Uncordon(node=name, why=""))
        for name in (server, agent)
    }
    works = work(desired, AUTO, {server: IDLE, agent: UPDATE})
    first = before(Plan("c", steps), works)
    assert [type(step) for step in first[server]] == [WaitReady, Uncordon]
    assert [type(step) for step in first[agent]] == [WaitReady]


@pytest.mark.parametrize(
    ("how", "found", "lines"),
    [
        (AUTO, IDLE, ["Automatic-Reboot", "Periodic::Unattended-Upgrade"]),
        (REBOOTS, IDLE, ["Automatic-Reboot"]),
        (AUTO, Upkeep(), []),
        (None, IDLE, []),
    ],
)
def test_settings_of_the_package_manager(how: Maintenance | None, found: Upkeep, lines: list[str]) -> None:
    desired = desired_cluster(1, 0)
    facts = replace(facts_of(desired, {})[names(desired)[0]], upkeep=found)
    texts = [file.content for file in host_updates.files(how, facts)]
    assert [line for line in lines if line not in "".join(texts)] == []
    assert len(texts) == bool(lines)
    assert not any(file.restart for file in host_updates.files(how, facts))
    assert "".join(texts).count("\n") == (len(lines) + 1 if lines else 0)


@pytest.mark.parametrize(("how", "count"), [(AUTO, 1), (REBOOTS, 1), (NOTHING, 0), (None, 0)])
def test_another_system_is_warned_about(how: Maintenance | None, count: int) -> None:
    desired = desired_cluster(1, 0)
    facts = replace(facts_of(desired, {})[names(desired)[0]], upkeep=Upkeep())
    found = list(host_updates.problems(how, facts))
    assert [(one.code, one.severity) for one in found] == [("KB0848", Severity.WARNING)] * count
    assert list(host_updates.problems(how, replace(facts, upkeep=IDLE))) == []
