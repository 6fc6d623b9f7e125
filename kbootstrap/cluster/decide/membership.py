"""Decides from facts whether a cluster already exists, and which server initialises it otherwise; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import INITIAL, NodeFacts
from kbootstrap.core.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True)
class Membership:
    """`members` carry the cluster's data; without any, `initial_server` starts a new cluster.

    `cluster_id` is the CA hash of the existing cluster, None where there is none or it is not known yet.
    """

    members: tuple[str, ...]
    initial_server: str | None
    cluster_id: str | None
    diagnostics: tuple[Diagnostic, ...] = ()


def membership(
    desired: DesiredCluster, facts: Mapping[str, NodeFacts], leaving: Collection[str] = ()
) -> Membership:
    """Find the members, or choose the initial server; neither while facts of a server are missing.

    `leaving` are servers that leave, for good or for a new machine: until then they are members.
    """
    names = tuple(dict.fromkeys([*(node.name for node in desired.servers), *leaving]))
    servers = [facts[name] for name in names if name in facts]
    members = tuple(found.name for found in servers if found.etcd)
    if members:
        return _existing(desired, facts, members)
    if len(servers) < len(names) or not servers:
        return Membership((), None, None)
    return _new(desired, facts, servers)


def _existing(
    desired: DesiredCluster, facts: Mapping[str, NodeFacts], members: tuple[str, ...]
) -> Membership:
    ids: dict[str, list[str]] = {}
    for name in members:
        found = facts[name].cluster_id
        if found:
            ids.setdefault(found, []).append(name)
    if len(ids) > 1:
        groups = "; ".join(f"{', '.join(names)} ({found[:12]})" for found, names in sorted(ids.items()))
        return Membership(
            members, None, None, (_two_clusters(f"These servers have different CAs: {groups}."),)
        )
    cluster_id = next(iter(ids), None)
    problems = _of_other_clusters(desired, facts, cluster_id) if cluster_id else ()
    return Membership(members, None, cluster_id, problems)


def _new(desired: DesiredCluster, facts: Mapping[str, NodeFacts], servers: list[NodeFacts]) -> Membership:
    """Choose the initial server: one chosen before stays, so that a run is resumed.

    Where none was, nothing distinguishes the servers; the first name in the spec is as good as any.
    """
    unit = desired.distro.unit("server")
    begun = [found for found in servers if found.join == INITIAL and found.unit(unit).started]
    if len(begun) > 1:
        names = ", ".join(found.name for found in begun)
        return Membership(
            (), None, None, (_two_clusters(f"Each of {names} is starting a cluster of its own."),)
        )
    chosen = [found for found in servers if found.join == INITIAL]
    initial_server = (begun or chosen or servers)[0].name
    return Membership(
        (), initial_server, facts[initial_server].cluster_id, _of_other_clusters(desired, facts, None)
    )


def _of_other_clusters(
    desired: DesiredCluster, facts: Mapping[str, NodeFacts], cluster_id: str | None
) -> tuple[Diagnostic, ...]:
    """Return a diagnostic for each node that has joined another cluster than this one."""
    return tuple(
        Diagnostic(
            "KB0813",
            f"{found.name} has joined the cluster with CA {found.token_ca[:12]}, and "
            + (f"this one has {cluster_id[:12]}." if cluster_id else "none of the servers has its data."),
            f"recreate the machine (destroy and apply), or run "
            f"{desired.distro.name}-killall.sh and remove /etc/rancher and /var/lib/rancher on it",
        )
        for found in (facts[node.name] for node in desired.nodes if node.name in facts)
        if found.token_ca and found.registered and found.token_ca != cluster_id
    )


def _two_clusters(reason: str) -> Diagnostic:
    return Diagnostic(
        "KB0808",
        f"{reason} Joining them would destroy the data of one.",
        "find out which servers hold the data that you want, and recreate the machines of the others",
    )
