"""Elastic machines on a real OpenStack: up and down, a quota, a killed server, an ERROR.

The tests run in the order of the file, and leave an elastic node: `test_end.py` destroys the cluster with it.
"""

from __future__ import annotations

import pytest

from tests.e2e.autoscaler import Scaler, elastic, joined, until
from tests.e2e.cloud_data.names import CLUSTER, GROUP, WEB, machines
from tests.e2e.lab import wait_for
from tests.e2e.stack import Stack, soon

pytestmark = [pytest.mark.ordered, pytest.mark.timeout(5000)]
OUT_OF_RESOURCES = 1


@pytest.fixture(scope="module")
def static(made: Stack) -> set[str]:
    """The nodes of the spec: how many servers there are depends on the chapter before."""
    return made.lab.ready_nodes() - machines(made)


def test_machines_become_nodes(cluster: Stack, server: Scaler, static: set[str]) -> None:
    server.grow(GROUP, 2)
    names = joined(cluster.lab, static, 2)
    assert machines(cluster) == names
    assert server.target(GROUP) == 3
    cluster.nothing_to_do()
    servers = cluster.servers()
    given = servers[WEB]
    for name in names:
        one = servers[name]
        assert one.user_data == given.user_data
        assert {"kbootstrap.pool": "web", "kbootstrap.flavor": "lab.small"}.items() <= one.metadata.items()
        assert one.key_name == given.key_name
        groups = {group["name"] for group in one.security_groups}
        assert groups == {group["name"] for group in given.security_groups}


def test_host_keys_were_pinned_from_the_console(cluster: Stack, server: Scaler, static: set[str]) -> None:
    del server
    pins = (cluster.lab.folder / ".kbootstrap" / f"{CLUSTER}.run" / "known_hosts").read_text()
    for name in elastic(cluster.lab, static):
        console = cluster.cloud.admin.compute.get_server_console_output(cluster.servers()[name].id)["output"]
        pinned = [line.split()[1:3] for line in pins.splitlines() if line.split()[0] == name]
        assert pinned, f"{name} is not pinned"
        assert all(" ".join(key) in console for key in pinned)


def test_a_given_node_goes_with_all_that_belongs_to_it(
    cluster: Stack, server: Scaler, static: set[str]
) -> None:
    first, second = sorted(elastic(cluster.lab, static))
    address = cluster.servers()[first].metadata["kbootstrap.address"]
    server.remove(GROUP, first)
    until("its machine is gone", lambda: machines(cluster) == {second})
    ports = cluster.cloud.admin.network.ports(project_id=cluster.project.id)
    used = [one["ip_address"] for port in ports for one in port.fixed_ips]
    assert address not in used
    until("its Node is gone", lambda: elastic(cluster.lab, static) == {second})
    cluster.nothing_to_do()


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
