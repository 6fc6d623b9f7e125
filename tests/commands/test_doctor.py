"""What `doctor` says of a machine that exists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kbootstrap.commands.doctor import judge
from tests.cluster.world import desired, fresh, running

PLAN = desired(1, 1)
SERVER = PLAN.servers[0]


def test_a_good_machine_has_one_line() -> None:
    (line,) = judge(PLAN, SERVER, fresh(SERVER.name), frozenset({22}))
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
    _, line = judge(PLAN, SERVER, replace(fresh(SERVER.name), **changes), frozenset())
    assert line.ok is False
    assert said in line.found
    assert line.help


def test_ports_count_by_role_and_not_on_a_node_that_runs() -> None:
    taken = frozenset({2379, 6443, 10250})
    _, line = judge(PLAN, SERVER, fresh(SERVER.name), taken)
    assert "2379, 6443, 10250" in line.found
    agent = next(node for node in PLAN.nodes if node.role == "agent")
    _, line = judge(PLAN, agent, fresh(agent.name), taken)
    assert "port 10250," in line.found
    (line,) = judge(PLAN, SERVER, running(PLAN, SERVER.name), taken)
    assert f"part of {PLAN.cluster}" in line.found
