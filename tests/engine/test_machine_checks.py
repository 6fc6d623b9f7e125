"""What `doctor` says of a machine that exists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kbootstrap.cluster.lock.holder import Holder
from kbootstrap.engine.machine_checks import _idle, judge
from tests.cluster.world import desired_cluster, fresh, running

PLAN = desired_cluster(1, 1)
SERVER = PLAN.servers[0]


def test_a_good_machine_has_one_line() -> None:
    (line,) = judge(PLAN, SERVER, replace(fresh(SERVER.name), listening=frozenset({22})))
    assert (line.name, line.ok) == (SERVER.name, True)
    assert "Debian GNU/Linux 12" in line.found
    assert "19.5 GiB of disk free" in line.found


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"systemd": False}, "does not run systemd"),
        ({"memory": 500}, "500 MiB of memory"),
        ({"disk_data": 100}, "100 MiB free"),
        ({"clock_skew": 900}, "900 s ahead"),
        ({"others": ("kubeadm",)}, "installation of kubeadm"),
        ({"claimed": "other"}, "belongs to the cluster 'other'"),
        ({"traces": ("/usr/local/bin/k3s",)}, "not installed by kbootstrap"),
    ],
)
def test_what_speaks_against_it_has_a_line_and_help(changes: dict[str, Any], said: str) -> None:
    _, line = judge(PLAN, SERVER, replace(fresh(SERVER.name), **changes))
    assert line.ok is False
    assert said in line.found
    assert line.help


def test_ports_count_by_role_and_not_on_a_node_that_runs() -> None:
    taken = frozenset({2379, 6443, 10250})
    _, line = judge(PLAN, SERVER, replace(fresh(SERVER.name), listening=taken))
    assert "2379, 6443, 10250" in line.found
    agent = next(node for node in PLAN.nodes if node.role == "agent")
    _, line = judge(PLAN, agent, replace(fresh(agent.name), listening=taken))
    assert "port 10250," in line.found
    (line,) = judge(PLAN, SERVER, replace(running(PLAN, SERVER.name), listening=taken))
    assert f"part of {PLAN.cluster}" in line.found


@pytest.mark.parametrize(
    ("changes", "bundled", "ok", "said"),
    [
        ({"programs": frozenset({"ipset", "conntrack"})}, False, False, "has no iptables"),
        ({"programs": frozenset({"ipset", "conntrack"})}, None, None, "a build from source does not"),
        ({"programs": frozenset({"iptables", "ipset"})}, False, None, "has no conntrack"),
        ({"lacking_modules": frozenset({"vxlan"})}, True, False, "no module vxlan"),
        ({"cgroups": frozenset({"cpu", "memory"})}, True, False, "no cgroup controller cpuset"),
        ({"mounts": {"/var/lib/rancher": frozenset({"noexec"})}}, True, False, "is mounted noexec"),
    ],
)
def test_the_list_of_the_distribution_is_looked_at(
    changes: dict[str, Any], bundled: bool | None, ok: bool | None, said: str
) -> None:
    plan = PLAN if bundled is None else replace(PLAN, bundled={"amd64": bundled})
    _, line = judge(plan, SERVER, replace(fresh(SERVER.name), **changes))
    assert line.ok is ok
    assert said in line.found
    assert line.help


def test_what_a_release_brings_is_not_asked_for() -> None:
    facts = replace(fresh(SERVER.name), programs=frozenset())
    (line,) = judge(replace(PLAN, bundled={"amd64": True}), SERVER, facts)
    assert line.ok


def test_ports_are_those_of_the_distribution() -> None:
    plan = desired_cluster(1, 0, distribution="rke2", version="v1.32.1+rke2r1")
    facts = replace(fresh(SERVER.name), memory=8000, listening=frozenset({9345}))
    _, line = judge(plan, plan.servers[0], facts)
    assert "TCP port 9345" in line.found


def test_processes_listen_only_where_no_service_runs_and_nothing_is_changed() -> None:
    agent = PLAN.nodes[1].name
    facts = {SERVER.name: running(PLAN, SERVER.name), agent: fresh(agent)}
    assert _idle(PLAN, facts) == {agent}
    assert _idle(PLAN, {agent: fresh(agent)}) == {agent}
    held = Holder.me()
    assert _idle(PLAN, {**facts, agent: replace(fresh(agent), lease=held)}) == set()
