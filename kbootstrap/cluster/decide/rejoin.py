"""Handles servers that were removed from etcd but are in the spec: a replacement was interrupted; pure.

A removed member never serves again. Started once more, k3s moves its data aside; started twice, the server
that initialised the cluster initialises another one, with the same certificates (k3s source,
`pkg/daemons/executor/etcd.go`, `pkg/cluster/bootstrap.go`). So its machine is cleaned, and joins again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kbootstrap.cluster.state.api_facts import ApiFacts
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.steps.machine import Clean


def cleaned(
    facts: Mapping[str, NodeFacts], api: ApiFacts | None
) -> tuple[dict[str, NodeFacts], dict[str, Clean]]:
    """Return the steps that clean such servers, and the facts as they will be afterwards.

    Only servers that were marked before their removal, have no Node object, and where others carry the data:
    a Node that is missing for another reason proves nothing.
    """
    nodes = api.nodes if api else {}
    found = {
        name: one
        for name, one in facts.items()
        if one.removed_from_etcd and name not in nodes and any(node.etcd for node in nodes.values())
    }
    steps = {
        name: Clean(node=name, why="it was removed from etcd, so its data is no longer valid")
        for name in found
    }
    return {name: _blank(one) if name in found else one for name, one in facts.items()}, steps


def _blank(facts: NodeFacts) -> NodeFacts:
    """Return the facts of the same machine without any Kubernetes installation."""
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
