"""Elastic machines on a real OpenStack: up and down, a quota, a killed server, an ERROR, destroy meanwhile.

A client plays Cluster Autoscaler; the server runs on this machine, as started by hand, and reaches the
machines through the bastion. The tests run in the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.autoscaler import Scaler, elastic, joined, scaler, until
from tests.e2e.lab import program, wait_for
from tests.e2e.stack import Stack, healed, soon, spec, stack

pytestmark = [pytest.mark.ordered, pytest.mark.timeout(5000)]
C = "scale"
STATIC = {f"{C}-control-plane-1", f"{C}-web-1"}
GROUP = "web/lab.small"
POOL = "name: web, flavor: lab.small, labels: {tier: web}, anti_affinity: soft"
POOLS = f"[{{{POOL}, autoscaling: {{min: 1, max: 4}}}}]"
OUT_OF_RESOURCES = 1


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("autoscaler"), "scale") as found:
        found.lab.extra["KBOOTSTRAP_TOFU"] = str(program("tofu"))
        found.spec(spec(C, POOLS))
        try:
            found.apply()
            found.choose(C)
            yield found
        finally:
            found.destroy()


@pytest.fixture
def cluster(made: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    yield from healed(made, request.session)


@pytest.fixture(scope="module")
def server(made: Stack) -> Iterator[Scaler]:
    with scaler(made.lab, C) as found:
        yield found


def machines(cluster: Stack) -> set[str]:
    """Return the names of the elastic machines that the cloud has."""
    return {name for name, one in cluster.servers().items() if "kbootstrap.elastic" in one.metadata}


def test_machines_become_nodes(cluster: Stack, server: Scaler) -> None:
    server.grow(GROUP, 2)
    names = joined(cluster.lab, STATIC, 2)
    assert machines(cluster) == names
    assert server.target(GROUP) == 3
    cluster.nothing_to_do()
    servers = cluster.servers()
    static = servers[f"{C}-web-1"]
    for name in names:
        one = servers[name]
        assert one.user_data == static.user_data
        assert {"kbootstrap.pool": "web", "kbootstrap.flavor": "lab.small"}.items() <= one.metadata.items()
        assert one.key_name == static.key_name
        groups = {group["name"] for group in one.security_groups}
        assert groups == {group["name"] for group in static.security_groups}


def test_host_keys_were_pinned_from_the_console(cluster: Stack, server: Scaler) -> None:
    del server
    pins = (cluster.lab.folder / ".kbootstrap" / f"{C}.run" / "known_hosts").read_text()
    for name in elastic(cluster.lab, STATIC):
        console = cluster.cloud.admin.compute.get_server_console_output(cluster.servers()[name].id)["output"]
        pinned = [line.split()[1:3] for line in pins.splitlines() if line.split()[0] == name]
        assert pinned, f"{name} is not pinned"
        assert all(" ".join(key) in console for key in pinned)


def test_a_given_node_goes_with_all_that_belongs_to_it(cluster: Stack, server: Scaler) -> None:
    first, second = sorted(elastic(cluster.lab, STATIC))
    address = cluster.servers()[first].metadata["kbootstrap.address"]
    server.remove(GROUP, first)
    until("its machine is gone", lambda: machines(cluster) == {second})
    ports = cluster.cloud.admin.network.ports(project_id=cluster.project.id)
    used = [one["ip_address"] for port in ports for one in port.fixed_ips]
    assert address not in used
    until("its Node is gone", lambda: elastic(cluster.lab, STATIC) == {second})
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
def test_a_server_that_is_killed_while_a_machine_is_made(cluster: Stack, server: Scaler) -> None:
    before = machines(cluster)
    server.grow(GROUP)
    wait_for("the machine exists", lambda: machines(cluster) - before, seconds=300, every=0.2)
    server.kill()
    (name,) = machines(cluster) - before
    cluster.nothing_to_do()
    server.start()
    assert joined(cluster.lab, STATIC, len(before) + 1) == before | {name}
    cluster.nothing_to_do()


def test_a_machine_in_error_is_replaced_by_none(cluster: Stack, server: Scaler) -> None:
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
    soon("the Node is gone", lambda: elastic(cluster.lab, STATIC) == before)


def test_destroy_leaves_nothing_while_the_server_runs(cluster: Stack, server: Scaler) -> None:
    """With one that is a node, and one that is being made."""
    server.grow(GROUP)
    cluster.destroy()
    assert cluster.servers() == {}
    server.kill()
    assert cluster.cloud.leftovers(cluster.project) == ()
