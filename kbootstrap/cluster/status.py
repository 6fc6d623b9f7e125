"""Wanted beside real, node by node: what `status` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kbootstrap.cluster.decide import decide
from kbootstrap.cluster.model import ApiFacts, ApiNode, NodeFacts, Wanted, WantedNode
from kbootstrap.cluster.steps import Plan

_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


@dataclass(frozen=True, slots=True)
class Row:
    """One node. `wanted` False: it is in the cluster, and the spec does not name it.

    `service` is the state of its unit (`active`, `failed`, `absent`, …), `unreachable` without facts.
    `version` is what the node reports, None when unknown. `pending` are titles of steps that `apply` would
    do. `etcd` True: voter; False: not; None: unknown, or no server.
    """

    name: str
    role: Literal["server", "agent", "unknown"]
    wanted: bool
    reachable: bool
    service: str
    ready: bool | None
    version: str | None
    wanted_version: str
    etcd: bool | None
    pending: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the node is exactly as wanted."""
        return self.wanted and bool(self.ready) and self.version == self.wanted_version and not self.pending


def compare(wanted: Wanted, facts: Mapping[str, NodeFacts], api: ApiFacts | None) -> tuple[Row, ...]:
    """Return a row for each wanted node, then for each node that only the cluster knows."""
    plan = decide(wanted, facts, api, partial=True)
    seen = dict(api.nodes) if api else {}
    rows = [
        _row(wanted, node, facts.get(node.name), seen.pop(node.name, None), plan) for node in wanted.nodes
    ]
    return (*rows, *(_stranger(node, wanted.version) for _, node in sorted(seen.items())))


def _row(wanted: Wanted, node: WantedNode, facts: NodeFacts | None, seen: ApiNode | None, plan: Plan) -> Row:
    unit = facts.unit(wanted.distro.unit(node.role)) if facts else None
    service = "unreachable" if unit is None else unit.active if unit.present else "absent"
    return Row(
        name=node.name,
        role=node.role,
        wanted=True,
        reachable=facts is not None,
        service=service,
        ready=seen.ready if seen else None,
        version=seen.version if seen else None,
        wanted_version=wanted.version,
        etcd=seen.etcd if seen else None,
        pending=tuple(step.title for step in plan.steps.get(node.name, ())),
    )


def _stranger(node: ApiNode, version: str) -> Row:
    return Row(
        name=node.name,
        role="server" if _CONTROL_PLANE in node.labels else "agent",
        wanted=False,
        reachable=False,
        service="unknown",
        ready=node.ready,
        version=node.version,
        wanted_version=version,
        etcd=node.etcd,
    )
