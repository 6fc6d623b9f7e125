"""What goes wrong with elastic machines on a real OpenStack: a quota, a killed server, an ERROR.

The server runs on this machine. That machines come and go is in `test_pods.py`. The tests run in the order of
the file.
"""

from __future__ import annotations

import pytest

from tests.e2e.autoscaler import Scaler, elastic, joined, until
from tests.e2e.cloud_data.names import GROUP, machines
from tests.e2e.lab import wait_for
from tests.e2e.stack import Stack, soon

pytestmark = [pytest.mark.ordered, pytest.mark.timeout(5000)]
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


@pytest.mark.full
def test_a_server_that_is_killed_while_a_machine_is_made(
    cluster: Stack, server: Scaler, static: set[str]
) -> None:
    before = machines(cluster)
    server.grow(GROUP)
    wait_for("the machine exists", lambda: machines(cluster) - before, seconds=300, every=0.2)
    server.kill()
    (name,) = machines(cluster) - before
    cluster.nothing_to_do()
    server.start()
    assert joined(cluster.lab, static, len(before) + 1) == before | {name}
    cluster.nothing_to_do()


def test_a_machine_in_error_is_replaced_by_none(cluster: Stack, server: Scaler, static: set[str]) -> None:
    """It is deleted, and its fault is reported."""
    before = machines(cluster)
    server.grow(GROUP)
    wait_for("the machine exists", lambda: machines(cluster) - before, seconds=300, every=0.2)
    (name,) = machines(cluster) - before
    # While it boots: until it runs, the cloud itself still sets its state.
    wait_for("it runs", lambda: cluster.servers()[name].status == "ACTIVE", seconds=900, every=0.2)
    cluster.cloud.admin.compute.reset_server_state(cluster.servers()[name], "error")
    until("the failure is shown", lambda: server.faults(GROUP))
    until("it is deleted", lambda: machines(cluster) == before)
    soon("the Node is gone", lambda: elastic(cluster.lab, static) == before)
