"""The order in which nodes leave; the rolling replacement uses the same."""

from __future__ import annotations

from dataclasses import replace

from kbootstrap.cluster.decide.order import Order, order
from kbootstrap.cluster.decide.removal import NO_REMOVALS, Removal
from tests.cluster.world import desired_cluster

S1, S2, S3 = (f"local-control-plane-{i}" for i in (1, 2, 3))
AGENTS = [f"local-default-{i}" for i in range(1, 7)]


def test_no_node_leaves() -> None:
    assert order(NO_REMOVALS, desired_cluster(3, 2).nodes, ()) == Order()


def test_servers_leave_alone_and_agents_a_few_at_a_time() -> None:
    removal = Removal({**dict.fromkeys(AGENTS, "agent"), S2: "server", S3: "server"}, {})
    found = order(removal, desired_cluster(1, 0).nodes, ())
    assert found == Order(((S2,), (S3,), tuple(AGENTS[:4]), tuple(AGENTS[4:])))


def test_new_machines_follow_the_pool() -> None:
    wanted = [
        replace(node, at_once=2) if node.role == "agent" else node for node in desired_cluster(3, 6).nodes
    ]
    other = replace(wanted[-1], name="local-web-1", pool="web", at_once=5)
    replaced = {"local-web-1": "agent", **dict.fromkeys(AGENTS[:3], "agent"), S1: "server", S2: "server"}
    found = order(Removal({}, replaced), [*wanted, other], ())  # type: ignore[arg-type] # roles
    assert found.replaced == ((S1,), (S2,), tuple(AGENTS[:2]), (AGENTS[2],), ("local-web-1",))
    assert found.removed == ()


def test_unhealthy_nodes_leave_first() -> None:
    removal = Removal({S2: "server", S3: "server"}, {})
    assert order(removal, desired_cluster(1, 0).nodes, (S3, S2)).removed == ((S3,), (S2,))
