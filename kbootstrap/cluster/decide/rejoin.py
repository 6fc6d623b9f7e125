"""Servers that have left etcd and stay in the spec: a run was cut between that and their new machine; pure.

A member that was removed never serves again. Started once more, k3s notices and puts its data aside; started
twice, the one that founded the cluster founds another one, with the same certificates (k3s source,
`pkg/daemons/executor/etcd.go`, `pkg/cluster/bootstrap.go`). So its machine is made blank, and joins anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kbootstrap.cluster.state.model import ApiFacts, NodeFacts
from kbootstrap.cluster.steps.machine import Clean


def cleaned(
    facts: Mapping[str, NodeFacts], api: ApiFacts | None
) -> tuple[dict[str, NodeFacts], dict[str, Clean]]:
    """Return the facts as they are once such servers are blank, and the steps that make them so.

    Only what was marked before it was removed, has no Node any more, and where others carry the data: a Node
    that is missing for another reason proves nothing.
    """
    nodes = api.nodes if api else {}
    found = {
        name: one
        for name, one in facts.items()
        if one.removed_from_etcd and name not in nodes and any(node.etcd for node in nodes.values())
    }
    steps = {
        name: Clean(node=name, why="it was removed from etcd, and what it has is of no use") for name in found
    }
    return {name: _blank(one) if name in found else one for name, one in facts.items()}, steps


def _blank(facts: NodeFacts) -> NodeFacts:
    """Return the facts of the same machine with nothing of Kubernetes on it."""
    return replace(
        facts,
        units={},
        files={},
        texts={},
        artifacts={},
        claimed=None,
        traces=(),
        etcd=False,
        cluster_id=None,
        token="none",  # noqa: S106 - the form of a token
        token_ca=None,
        agent_token=False,
        join=None,
        node_password=False,
        restart_pending=False,
        removed_from_etcd=False,
    )
