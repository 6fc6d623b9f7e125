from __future__ import annotations

import pytest

from kbootstrap.distros.model import Role
from kbootstrap.plans.effects import of_gone, of_machine

ROLES: dict[str, Role] = {"s1": "server", "s2": "server", "s3": "server", "a1": "agent"}


@pytest.mark.parametrize(
    ("node", "removed", "members", "said"),
    [
        ("s1", True, ("s1",), "the only member of etcd: the cluster's data is lost with it"),
        ("s1", False, ("s1", "s2"), "etcd has 1 of 2 members during this and needs 2: the API stops"),
        ("s1", False, ("s1", "s2", "s3"), "etcd has 2 of 3 members during this and needs 2"),
        ("s1", True, ("s1", "s2", "s3"), "etcd keeps 2 of 3 members; none of them may fail then"),
        (
            "s1",
            True,
            ("s1", "s2", "s3", "s4", "s5", "s6"),
            "etcd keeps 5 of 6 members; 2 of them may fail then",
        ),
        ("s3", True, ("s1",), "a server that is no member of etcd"),
        ("a1", True, ("s1",), "its pods start on other nodes, and data on its disk is lost"),
    ],
)
def test_what_is_lost(node: str, removed: bool, members: tuple[str, ...], said: str) -> None:
    assert of_machine(node, removed=removed, unprovisioned=(), members=members, roles=ROLES) == (said,)


def test_a_machine_without_anything() -> None:
    said = of_machine("s1", removed=True, unprovisioned={"s1"}, members=("s1",), roles=ROLES)
    assert said == ("nothing is installed on it",)


@pytest.mark.parametrize(
    ("node", "left", "said"),
    [
        ("a1", 3, "no container"),
        ("s1", 2, "no container; 2 of 3 servers are left, and etcd needs 2"),
        ("s1", 1, "no container; 1 of 3 servers are left and etcd needs 2: the API stops"),
        (
            "s1",
            0,
            "no container; no server with the cluster's data is left: a new, empty cluster is created",
        ),
    ],
)
def test_what_is_gone(node: str, left: int, said: str) -> None:
    assert "; ".join(of_gone(node, "no container", servers_left=left, roles=ROLES)) == said
