"""What goes wrong with elastic machines on a real OpenStack: a quota, a killed server, an ERROR.

The server runs on this machine. That machines come and go is in `test_pods.py`. The tests run in the order of
the file.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.e2e.autoscaler import JOINS, Scaler, elastic, until
from tests.e2e.cloud_data.names import GROUP, machines
from tests.e2e.lab import wait_for
from tests.e2e.stack import Stack, soon

pytestmark = [pytest.mark.full, pytest.mark.ordered, pytest.mark.timeout(5000)]
OUT_OF_RESOURCES = 1


@pytest.fixture(scope="module")
def static(made: Stack) -> set[str]:
    """The nodes of the spec: how many servers there are depends on the chapter before."""
    return made.lab.ready_nodes() - machines(made)


def test_a_quota_backs_the_group_off(cluster: Stack, server: Scaler) -> None:
    """The target goes down, nothing is left, and Cluster Autoscaler is told that resources lack."""
    before, size = machines(cluster), server.target(GROUP)
    cluster.cloud.set_quotas(cluster.project, {"instances": len(cluster.servers())})
    try:
        server.grow(GROUP)
        until("the failure is shown", lambda: server.faults(GROUP))
        assert [kind for kind, _ in server.faults(GROUP)] == [OUT_OF_RESOURCES]
        assert server.target(GROUP) == size
        assert machines(cluster) == before
    finally:
        cluster.cloud.set_quotas(cluster.project, {"instances": -1})


def test_a_server_that_is_killed_at_every_event(cluster: Stack, server: Scaler, static: set[str]) -> None:
    """The next one loses, doubles and leaves nothing: after each, the project is listed."""
    size, before, there = server.target(GROUP), machines(cluster), everything(cluster)
    begun = len(server.lines)
    (name,) = grown(cluster, server, static, size, before)
    until("the server knows", lambda: server.target(GROUP) == size + 1)
    points = [event(line) for line in server.lines[begun:] if line.get("name") == name]
    assert {("machine", "wanted"), ("machine", "creating"), ("machine", "running")} <= set(points)
    left(cluster, server, name, before, there)
    for point in points:
        server.grow(GROUP)
        wait_for(f"{point}", partial(logged, server, point), seconds=600, every=0.02)
        server.kill()
        cluster.nothing_to_do()
        server.start()
        (name,) = grown(cluster, server, static, size, before)
        assert len(machines(cluster)) == len(before) + 1, point
        left(cluster, server, name, before, there)
    cluster.nothing_to_do()


def running(cluster: Stack, server: Scaler) -> str:
    """Ask for a machine; return its name while it boots: until it runs, the cloud itself sets its state."""
    before = machines(cluster)
    server.grow(GROUP)
    wait_for("the machine exists", lambda: machines(cluster) - before, seconds=300, every=0.2)
    (name,) = machines(cluster) - before
    wait_for("it runs", lambda: cluster.servers()[name].status == "ACTIVE", seconds=900, every=0.2)
    return name


def event(line: dict[str, Any]) -> tuple[str, str]:
    """Return the kind of a line of the server's log."""
    return str(line["event"]), str(line.get("phase") or line.get("step") or line.get("reason"))


def logged(server: Scaler, point: tuple[str, str]) -> bool:
    """Return whether this server's log has such a line about a machine."""
    return point in [event(line) for line in server.lines if line.get("name")]


def everything(cluster: Stack) -> set[str]:
    """Return what the project has of machines, ports and volumes, by ID."""
    network = cluster.cloud.admin.network
    ports = {port.id for port in network.ports(project_id=cluster.project.id)}
    return {*cluster.ids().values(), *cluster.volumes(), *ports}


def grown(cluster: Stack, server: Scaler, static: set[str], size: int, before: set[str]) -> set[str]:
    """Wait until there is one elastic node more. What was not begun is asked for again, as for pods."""

    def enough() -> bool:
        if server.target(GROUP) == size:
            server.grow(GROUP)
        return len(elastic(cluster.lab, static)) == len(before) + 1

    wait_for("one node more", enough, seconds=JOINS, every=1)
    return elastic(cluster.lab, static) - before


def left(cluster: Stack, server: Scaler, name: str, before: set[str], there: set[str]) -> None:
    """Remove a node, and see that its machine leaves nothing."""
    server.remove(GROUP, name)
    until("its machine is gone", lambda: machines(cluster) == before)
    until("nothing is left of it", lambda: everything(cluster) == there)
    until("its Node is gone", lambda: name not in cluster.lab.get_names("nodes"))


def test_a_machine_in_error_is_replaced_by_none(cluster: Stack, server: Scaler, static: set[str]) -> None:
    """It is deleted, and its fault is reported."""
    before = machines(cluster)
    name = running(cluster, server)
    cluster.cloud.admin.compute.reset_server_state(cluster.servers()[name], "error")
    until("the failure is shown", lambda: server.faults(GROUP))
    until("it is deleted", lambda: machines(cluster) == before)
    soon("the Node is gone", lambda: elastic(cluster.lab, static) == before)


def test_a_machine_that_never_answers(cluster: Stack, server: Scaler, static: set[str]) -> None:
    """It runs, but its port is closed: it is deleted, and its group has the reason."""
    before = machines(cluster)
    name = running(cluster, server)
    network = cluster.cloud.admin.network
    for port in network.ports(device_id=cluster.ids()[name]):
        network.update_port(port, is_admin_state_up=False)
    until("the failure is shown", lambda: server.faults(GROUP))
    assert f"no SSH connection to {name}" in server.faults(GROUP)[0][1]
    until("it is deleted", lambda: machines(cluster) == before)
    assert elastic(cluster.lab, static) == before
