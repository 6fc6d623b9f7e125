from __future__ import annotations

from kbootstrap.cluster.model import ApiFacts, ApiNode
from kbootstrap.cluster.status import compare
from tests.cluster.world import api, facts, want


def test_everything_is_as_wanted() -> None:
    plan = want(3, 1)
    rows = compare(plan, facts(plan, {"*": {"is": "running"}}), api(plan, {"*": {"etcd": True}}))
    assert all(row.good for row in rows)
    assert [row.service for row in rows] == ["active"] * 4


def test_nothing_is_there() -> None:
    plan = want(1, 1)
    rows = compare(plan, facts(plan, {"*": {}}), None)
    assert [row.service for row in rows] == ["absent", "absent"]
    assert rows[0].ready is None
    assert "start k3s.service" in rows[0].pending
    assert not rows[0].good


def test_a_machine_that_does_not_answer() -> None:
    plan = want(3, 1)
    states = {"*": {"is": "running"}, "local-control-plane-3": None}
    seen = api(plan, {"*": {}, "local-control-plane-3": {"ready": False}})
    rows = {row.name: row for row in compare(plan, facts(plan, states), seen)}
    lost = rows["local-control-plane-3"]
    assert (lost.reachable, lost.service, lost.ready, lost.pending) == (False, "unreachable", False, ())
    assert rows["local-default-1"].good


def test_no_machine_answers() -> None:
    plan = want(1, 1)
    assert {row.service for row in compare(plan, {}, None)} == {"unreachable"}


def test_nodes_that_only_the_cluster_knows() -> None:
    plan = want(1, 0)
    seen = ApiFacts(
        {
            "local-control-plane-1": ApiNode("local-control-plane-1", ready=True, version="v1.32.0+k3s1"),
            "old-agent": ApiNode("old-agent", ready=True, version="v1.32.0+k3s1"),
            "old-server": ApiNode(
                "old-server",
                ready=False,
                version="v1.31.0+k3s1",
                labels={"node-role.kubernetes.io/control-plane": "true"},
            ),
        }
    )
    rows = compare(plan, facts(plan, {"*": {"is": "running"}}), seen)
    assert [(row.name, row.role, row.wanted) for row in rows[1:]] == [
        ("old-agent", "agent", False),
        ("old-server", "server", False),
    ]
    assert not rows[1].good
