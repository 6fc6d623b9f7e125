"""Decides how an agent joins a cluster that runs, without facts about its servers; pure.

The steps are those of every agent (`node_steps`). What `decide` learns from the servers is here a part of the
token that new nodes join with: it contains the hash of the cluster's CA.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from kbootstrap.cluster.decide import node_steps
from kbootstrap.cluster.decide.membership import Membership
from kbootstrap.cluster.decide.node_case import NodeCase
from kbootstrap.cluster.decide.rotation import Rotation
from kbootstrap.cluster.state.api_facts import ApiFacts, ApiNode
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.diagnostics import errors

_TOKEN = re.compile(r"K10(?P<ca>[0-9a-f]{64})::[^:\s]+:(?P<password>\S+)")
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_MARK = 12
"""Characters of a token's mark, as in `facts.sh`."""


def joining(desired: DesiredCluster, facts: NodeFacts, api: ApiFacts, token: str) -> Plan:
    """Return the plan of the only node that is desired; `token` is the agents' token in its full form.

    ValueError for another form of token.
    """
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise ValueError("this is not the full form of a token")
    (node,) = desired.nodes
    mark = hashlib.sha256(found["password"].encode()).hexdigest()[:_MARK]
    case = NodeCase(
        desired,
        node,
        facts,
        api.nodes.get(node.name),
        Membership((), None, found["ca"]),
        Rotation(server=mark, agents=mark),
        api_known=True,
    )
    steps = tuple(node_steps.steps(case))
    problems = tuple(node_steps.problems(case, steps))
    allowed = steps and not errors(problems)
    return Plan(desired.cluster, {node.name: steps} if allowed else {}, problems)


def version(desired: str, nodes: Iterable[ApiNode]) -> str:
    """Return the version for a new agent: the desired one, or the oldest one of the servers if that is older.

    A kubelet must not be newer than any server. The spec may name a version that was not applied yet.
    """
    servers = [
        node.version
        for node in nodes
        if node.version and (_CONTROL_PLANE in node.labels or node.etcd is not None)
    ]
    return min((desired, *servers), key=_numbers)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))
