"""Compares the desired and the actual state of each node, for `status`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from kbootstrap.cluster.decide.certificates import first
from kbootstrap.cluster.decide.drift import Drift, differences, waits
from kbootstrap.cluster.state.api_facts import ApiFacts, ApiNode
from kbootstrap.cluster.state.certificates import Certificate
from kbootstrap.cluster.state.desired import DesiredCluster, DesiredNode
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.upkeep import Upkeep
from kbootstrap.cluster.steps.base import Step
from kbootstrap.cluster.steps.plan import Plan

_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node. `desired` False: it exists, and the spec does not name it.

    `service` is the state of its unit (`active`, `failed`, `absent`, …), `unreachable` without facts.
    `version` is what the node reports, None when unknown. `pending` are titles of steps that `apply` would
    do, `drift` says what differs; where nothing does, `waits` names what of `pending` is only waited for.
    `etcd` True: voter; False: not; None: unknown, or no server. `joining`: a server runs, and the API answers
    and says nothing of its membership yet. `reason` is what the kubelet says when it is not Ready,
    `unreachable` why there are no facts. `leaf` and `authority` are the certificates of either kind that run
    out first, `time` the node's clock (UTC).

    `elastic`: its machine comes and goes with the load. `passing` says what is done with one that is created
    or removed at the moment, which is no difference from the spec. `upkeep` is what its operating system
    waits for, None without facts; that is no difference either.
    """

    name: str
    role: Literal["server", "agent", "unknown"]
    desired: bool
    reachable: bool
    service: str
    ready: bool | None
    version: str | None
    desired_version: str
    etcd: bool | None
    pending: tuple[str, ...] = ()
    drift: tuple[Drift, ...] = ()
    waits: tuple[Drift, ...] = ()
    joining: bool = False
    cordoned: bool = False
    reason: str = ""
    unreachable: str = ""
    leaf: Certificate | None = None
    authority: Certificate | None = None
    time: datetime | None = None
    elastic: bool = False
    passing: str = ""
    upkeep: Upkeep | None = None

    @property
    def good(self) -> bool:
        """Whether the node answers and is exactly as desired, and its certificates are valid."""
        return bool(self.passing) or (
            self.desired
            and self.reachable
            and bool(self.ready)
            and self.version == self.desired_version
            and not (self.pending or self.drift or self.expired)
        )

    @property
    def expired(self) -> bool:
        """Whether a certificate of the node has expired."""
        found = (self.leaf, self.authority)
        return any(one and self.time and one.not_after <= self.time for one in found)


def compare(
    desired: DesiredCluster,
    facts: Mapping[str, NodeFacts],
    api: ApiFacts | None,
    plan: Plan,
    *,
    gone: Mapping[str, str] | None = None,
    unreachable: Mapping[str, str] | None = None,
    elastic: Collection[str] = (),
    passing: Mapping[str, str] | None = None,
) -> tuple[NodeStatus, ...]:
    """Return a row for each desired node, then for each other existing node.

    `plan` is what `decide` says of them. `gone` are nodes whose machine vanished, `unreachable` those that do
    not answer, each with the reason. `elastic` are names of elastic nodes, `passing` those that are created
    or removed at the moment, as `NodeStatus` has it.
    """
    gone, silent, moving = gone or {}, unreachable or {}, passing or {}
    seen = dict(api.nodes) if api else {}
    rows = [
        _row(
            desired,
            node,
            facts.get(node.name),
            seen.get(node.name),
            steps=plan.steps.get(node.name, ()),
            gone=gone.get(node.name),
            silent=silent.get(node.name, ""),
            api_known=api is not None,
        )
        for node in desired.nodes
    ]
    others = sorted({*seen, *facts, *silent, *moving} - {node.name for node in desired.nodes})
    every = (
        *rows,
        *(_unwanted(name, desired, facts.get(name), seen.get(name), silent.get(name, "")) for name in others),
    )
    return tuple(
        replace(row, elastic=row.name in elastic or row.name in moving, passing=moving.get(row.name, ""))
        for row in every
    )


def _row(
    desired: DesiredCluster,
    node: DesiredNode,
    facts: NodeFacts | None,
    seen: ApiNode | None,
    *,
    steps: Sequence[Step],
    gone: str | None,
    silent: str,
    api_known: bool,
) -> NodeStatus:
    lost = (Drift("infrastructure", "machine", gone),) if gone else ()
    unknown = node.role == "server" and (seen is None or seen.etcd is None)
    runs = facts is not None and facts.unit(desired.distro.unit(node.role)).started
    return NodeStatus(
        name=node.name,
        role=node.role,
        desired=True,
        reachable=facts is not None,
        service=_service(facts, desired.distro.unit(node.role)),
        ready=seen.ready if seen else None,
        version=seen.version if seen else None,
        desired_version=desired.version,
        etcd=seen.etcd if seen else None,
        pending=tuple(step.title for step in steps),
        drift=(*lost, *differences(steps)),
        waits=() if lost else waits(steps),
        joining=unknown and runs and api_known,
        cordoned=bool(seen and seen.unschedulable),
        reason=_reason(facts, seen, desired.distro.unit(node.role)),
        unreachable=silent,
        leaf=first(facts.certificates, "leaf") if facts else None,
        authority=first(facts.certificates, "ca") if facts else None,
        time=facts.time if facts else None,
        upkeep=facts.upkeep if facts else None,
    )


def _reason(facts: NodeFacts | None, seen: ApiNode | None, unit: str) -> str:
    """Return why a node is not Ready: the state of its service, else the reason of its kubelet."""
    if facts and facts.crash_looping(unit):
        return f"{unit} is crash-looping: systemd has restarted it {facts.unit(unit).restarts} times"
    return seen.reason if seen else ""


def _service(facts: NodeFacts | None, name: str) -> str:
    if facts is None:
        return "unreachable"
    unit = facts.unit(name)
    return unit.active if unit.present else "absent"


def _unwanted(
    name: str, desired: DesiredCluster, facts: NodeFacts | None, seen: ApiNode | None, silent: str
) -> NodeStatus:
    """Return the row of a node that is not, or no longer, in the spec."""
    unit = desired.distro.unit
    role: Literal["server", "agent", "unknown"] = "agent" if seen or facts else "unknown"
    if (seen and _CONTROL_PLANE in seen.labels) or (facts and facts.unit(unit("server")).present):
        role = "server"
    return NodeStatus(
        name=name,
        role=role,
        desired=False,
        reachable=facts is not None,
        service=_service(facts, unit("server" if role == "server" else "agent")) if facts else "unknown",
        ready=seen.ready if seen else None,
        version=seen.version if seen else None,
        desired_version=desired.version,
        etcd=seen.etcd if seen else None,
        cordoned=bool(seen and seen.unschedulable),
        reason=seen.reason if seen else "",
        unreachable=silent,
    )
