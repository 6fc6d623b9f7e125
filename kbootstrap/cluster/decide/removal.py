"""Decides by which steps nodes leave a cluster, and whether etcd keeps its quorum; pure.

A server stops before its Node object is deleted, which is when the others remove it from etcd: so it hands
over its leaderships, and cannot interfere. Where the others may be no majority without it, as with one of
two, it cannot stop first; it must not start again meanwhile, or it would join again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from kbootstrap.cluster.state.api_facts import ApiFacts, ApiNode
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.cluster.steps.base import RemovalStep
from kbootstrap.cluster.steps.membership import ForgetNode, HandOver
from kbootstrap.cluster.steps.removal import (
    Cordon,
    DeleteMachine,
    Drain,
    LeaveMachine,
    PreventRestart,
    StopService,
    UninstallMachine,
    WaitJoined,
)
from kbootstrap.core.diagnostics import Diagnostic, Severity
from kbootstrap.distros.model import Distribution, Role

REMOVED = "the spec no longer has it"
REPLACED = "its machine is replaced"


@dataclass(frozen=True, slots=True)
class Removal:
    """Nodes that leave, with their roles: `removed` for good; `replaced` get a new machine.

    `staying` are machines of removed nodes that are not destroyed: Kubernetes is removed from them instead.
    `unseen` says of some of these why that is not possible.

    `elastic` has those of the removed nodes whose machines are elastic, each with the reason; `asked` are
    names and `CLUSTER/POOL` of elastic nodes that the operator wants to be removed. `passing` are Nodes of
    elastic machines that have just gone: the server of Cluster Autoscaler removes them.
    """

    removed: Mapping[str, Role]
    replaced: Mapping[str, Role]
    staying: Mapping[str, Recorded] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)
    elastic: Mapping[str, str] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    passing: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all these nodes."""
        return frozenset({*self.removed, *self.replaced})

    def role(self, name: str) -> Role:
        """Return the role of one of these nodes."""
        return self.removed[name] if name in self.removed else self.replaced[name]


NO_REMOVALS = Removal({}, {})


def in_order(removal: Removal, api: ApiFacts | None) -> tuple[str, ...]:
    """Return the removal order: nodes that are not Ready first, which costs etcd no quorum."""
    seen = api.nodes if api else {}
    return tuple(
        sorted(
            (*removal.removed, *removal.replaced),
            key=lambda name: (name in seen and seen[name].ready, name in removal.replaced),
        )
    )


def steps(
    removal: Removal, distro: Distribution, facts: Mapping[str, NodeFacts], api: ApiFacts | None
) -> dict[str, tuple[RemovalStep, ...]]:
    """Return the steps by which each node leaves, in order; none for a machine that needs no more steps."""
    seen = api.nodes if api else {}
    # The API's membership is some seconds old: a server with data, or one that will vote, may be a member.
    members = {name for name, node in seen.items() if node.etcd is not None}
    members |= {name for name, one in facts.items() if one.etcd and name in seen}
    well = {name for name, node in seen.items() if node.etcd and node.ready}
    found: dict[str, tuple[RemovalStep, ...]] = {}
    for name in in_order(removal, api):
        unit = distro.unit(removal.role(name))
        first = removal.role(name) == "agent" or len(well - {name}) >= _majority(len(members))
        mine = _steps(
            removal,
            name,
            unit,
            facts.get(name),
            seen.get(name),
            stop_first=first,
            hand_over=name in well and len(well) > 1,
            api_known=api is not None,
        )
        found[name] = (*mine, *_machine(removal, name))
        if name in removal.removed:
            members.discard(name)
            well.discard(name)
    return found


def _steps(
    removal: Removal,
    name: str,
    unit: str,
    facts: NodeFacts | None,
    seen: ApiNode | None,
    *,
    stop_first: bool,
    hand_over: bool,
    api_known: bool,
) -> Iterator[RemovalStep]:
    why = removal.elastic.get(name, REMOVED if name in removal.removed else REPLACED)
    runs = facts is not None and facts.unit(unit).started
    if seen is None:
        if (
            runs
            and removal.role(name) == "server"
            and facts is not None
            and not facts.removed_from_etcd
            and api_known
        ):
            # Stopped now, it would stay a member for ever, and the others might be no majority.
            yield WaitJoined(
                node=name, why="deleting its Node removes a server from etcd, and it has none yet"
            )
            yield PreventRestart(node=name, why="it must not join again", unit=unit)
            yield ForgetNode(node=name, why=why, member=True)
        if runs:
            yield StopService(node=name, why=why, unit=unit)
        if runs and removal.role(name) == "agent" and api_known:
            yield ForgetNode(node=name, why="it may have joined at the last moment")
        return
    if seen.leaving or not seen.unschedulable:  # a node that was cordoned by others stays so
        yield Cordon(node=name, why=why)
    if seen.ready and runs:  # pods of a dead node cannot end; they are deleted with it
        yield Drain(node=name, why=why)
    if runs and hand_over:
        yield HandOver(node=name, why="no request fails when it stops")
    if runs and stop_first:
        yield StopService(node=name, why=why, unit=unit)
    elif runs:
        yield PreventRestart(node=name, why="it must not join again", unit=unit)
    yield ForgetNode(node=name, why=why, member=facts is not None and facts.etcd)
    if runs and not stop_first:
        yield StopService(node=name, why=why, unit=unit)
        yield ForgetNode(node=name, why="it may have registered again before it stopped")


def _machine(removal: Removal, name: str) -> Iterator[RemovalStep]:
    """Yield the steps for a machine that OpenTofu does not destroy, after its node has left."""
    if name in removal.elastic:
        yield DeleteMachine(node=name, why=removal.elastic[name])
    elif name in removal.unseen:
        yield LeaveMachine(node=name, why=removal.unseen[name], machine=removal.staying[name])
    elif name in removal.staying:
        yield UninstallMachine(node=name, why=REMOVED)


def problems(desired: DesiredCluster, removal: Removal, api: ApiFacts | None) -> Iterator[Diagnostic]:
    """Yield the reasons why these nodes must not leave."""
    if not removal.names:
        return
    if api is None:
        yield Diagnostic(
            "KB0853",
            f"{_list(removal.names)} must leave, and the Kubernetes API of {desired.cluster} does not "
            "answer: pods cannot be evicted, and it is unknown which servers hold the data.",
            "repair the cluster first: kbootstrap status shows its state; apply with the previous nodes "
            "starts what is stopped",
        )
        return
    members = {name: node.ready for name, node in api.nodes.items() if node.etcd}
    yield from _quorum(
        members, [name for name in in_order(removal, api) if name in members], removal.replaced
    )
    for name, why in removal.unseen.items():
        yield _unseen(name, removal.staying[name], why, api.nodes.get(name))


def _unseen(name: str, machine: Recorded, why: str, seen: ApiNode | None) -> Diagnostic:
    """Return the problem of a machine that cannot be cleaned: if it runs, it would rejoin the cluster."""
    if seen and seen.ready:
        return Diagnostic(
            "KB0652",
            f"{name} ({machine.address}) was removed from the spec and is Ready, and Kubernetes cannot be "
            f"uninstalled from its machine: {why}. Its service would continue and join again.",
            "make the machine reachable, or switch it off and wait a minute until its node is NotReady; "
            "then apply again",
        )
    return Diagnostic(
        "KB0653",
        f"{name} ({machine.address}) leaves the cluster, and its machine is not changed: {why}.",
        "if Kubernetes is still on it, keep it switched off, or clean it when it answers again (docs/ssh.md, "
        '"A host that came back")',
        severity=Severity.WARNING,
    )


def _quorum(
    members: Mapping[str, bool], leaving: Collection[str], replaced: Collection[str]
) -> Iterator[Diagnostic]:
    """Check the removals one by one, in their order; etcd needs a majority at every moment.

    Removing a member is itself a change that the majority of all members, with this one, must agree to (etcd,
    "Runtime reconfiguration").
    """
    left = dict(members)
    for name in leaving:
        count, well = len(left), sum(left.values())
        after_count, after_well = count - 1, well - left[name]
        if after_count == 0:
            yield Diagnostic(
                "KB0854",
                f"{name} is the only server with the cluster's data, which would be lost with it.",
                "grow the control plane to 3 servers first (`control_plane.nodes: 3`), apply, and change its "
                "machines then, one by one; or save a snapshot, destroy, apply, and restore it",
            )
            return
        if well < _majority(count) or after_well < _majority(after_count):
            yield Diagnostic(
                "KB0855",
                f"etcd has {count} members, {well} of them healthy. Without {name} there would be "
                f"{after_well} "
                f"of {after_count}, and {_majority(after_count)} are needed.",
                "repair the other servers first: kbootstrap status shows which are not healthy",
            )
            return
        del left[name]
        if name in replaced:
            left[name] = True


def _majority(members: int) -> int:
    return members // 2 + 1


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
