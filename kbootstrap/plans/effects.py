"""The effects of losing a machine, or what it depends on, on quorum and data; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kbootstrap.distros.model import Role


def of_machine(
    node: str,
    *,
    removed: bool,
    unprovisioned: Collection[str],
    members: Collection[str],
    roles: Mapping[str, Role],
) -> tuple[str, ...]:
    """Describe the loss of the machine of `node`; `removed`: for good, otherwise it is replaced.

    `unprovisioned` are machines without anything of a cluster, `members` the servers that carry etcd's data.
    Quorum is a majority of the members (etcd, "Failure tolerance").
    """
    if node in unprovisioned:
        return ("nothing is installed on it",)
    if node in members:
        return (_of_member(len(members), removed=removed),)
    if roles.get(node) == "server":
        return ("a server that is no member of etcd",)
    return ("its pods start on other nodes, and data on its disk is lost",)


def _of_member(members: int, *, removed: bool) -> str:
    if members == 1:
        return "the only member of etcd: the cluster's data is lost with it"
    left, needed = members - 1, members // 2 + 1
    if removed:
        may_fail = left - (left // 2 + 1)
        after = f"{may_fail} of them may fail then" if may_fail else "none of them may fail then"
        return f"etcd keeps {left} of {members} members; {after}"
    if left < needed:
        return f"etcd has {left} of {members} members during this and needs {needed}: the API stops"
    return f"etcd has {left} of {members} members during this and needs {needed}"


def of_gone(node: str, reason: str, *, servers_left: int, roles: Mapping[str, Role]) -> tuple[str, ...]:
    """Describe the effect of a machine deleted outside of kbootstrap; `servers_left` servers remain."""
    servers = sum(1 for role in roles.values() if role == "server")
    if roles.get(node) != "server":
        return (reason,)
    if servers_left == 0:
        return (reason, "no server with the cluster's data is left: a new, empty cluster is created")
    needed = servers // 2 + 1
    if servers_left < needed:
        return (
            reason,
            f"{servers_left} of {servers} servers are left and etcd needs {needed}: the API stops",
        )
    return (reason, f"{servers_left} of {servers} servers are left, and etcd needs {needed}")


NETWORK_LOST = "it connects nodes, or has their address"
"""Effect of taking away a network, an address, or the load balancer of the API."""
