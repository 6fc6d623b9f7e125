"""Decides what a rotation of tokens or certificates requires on each node; pure.

New tokens are staged beside the old ones on every server. While they are, every plan changes to them: the
next run completes an interrupted one. How k3s takes them (its source, v1.32, `pkg/server` and
`pkg/cluster`): one server encrypts the data that servers start from with the new token; from then on a server
that starts with the old one fails, and one that runs takes no notice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from kbootstrap.cluster.decide.certificates import first, until
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts, TokenMarks
from kbootstrap.cluster.steps.base import ConvergeStep
from kbootstrap.cluster.steps.membership import HandOver, WaitReady
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.rotation import RenewCertificates
from kbootstrap.cluster.steps.service import RestartService, WaitServing

FRESH = "new"
"""Stands for the mark of tokens that are not made yet, in a plan that is only shown."""
ROTATED = "tokens are rotated"


@dataclass(frozen=True, slots=True)
class Rotation:
    """The tokens that nodes should have, as marks; empty if that is not known.

    `pending`: new ones are staged, and servers change to them. `leader` is the server that activates them,
    None where that has been done. `begun`: it may have been done, or by half.
    """

    server: str = ""
    agents: str = ""
    pending: bool = False
    leader: str | None = None
    begun: bool = False

    def stale(self, facts: NodeFacts, *, member: bool) -> bool:
        """Return whether a server's own token is invalid. A member's is valid if no rotation is pending."""
        return (self.pending or not member) and _differs(facts.tokens.own, self.server)

    def stale_agents(self, facts: NodeFacts, *, member: bool) -> bool:
        """Return whether a server has an invalid agent token."""
        return (self.pending or not member) and _differs(facts.tokens.agents, self.agents)

    def stale_agent(self, facts: NodeFacts) -> bool:
        """Return whether an agent has an invalid token; the server token is valid for agents too."""
        return _differs(facts.tokens.own, self.agents) and _differs(facts.tokens.own, self.server)

    def unfinished(self, facts: NodeFacts) -> bool:
        """Return whether a member has staged tokens that must be retired in the end."""
        return self.pending and (bool(facts.tokens.next) or self.stale(facts, member=True))


def rotation(desired: DesiredCluster, facts: Mapping[str, NodeFacts], members: Collection[str]) -> Rotation:
    """Return the tokens that the nodes should have.

    Before new ones are activated every member must run: one that does not is started with the old ones.
    """
    names = [node.name for node in desired.servers if node.name in members and node.name in facts]
    servers = [facts[name] for name in names]
    staged = next((one.tokens for one in servers if one.tokens.next), None)
    now = Rotation(
        _common(one.tokens.accepted for one in servers), _common(one.tokens.agents for one in servers)
    )
    if staged is None:
        return now
    unit = desired.distro.unit("server")
    active = [one.name for one in servers if one.unit(unit).active == "active"]
    begun = [one for one in servers if one.tokens.accepted == staged.next]
    if not begun and len(active) < len(servers):
        return now
    if any(not one.tokens.next for one in begun):  # a server has come to its end
        leader = None
    else:
        leader = next((name for name in active if not begun or name in {one.name for one in begun}), None)
    return Rotation(staged.next, staged.next_agents, pending=True, leader=leader, begun=bool(begun))


def begin(facts: Mapping[str, NodeFacts], members: Collection[str]) -> Mapping[str, NodeFacts]:
    """Return the facts as they will be when new tokens are staged on the members."""
    if pending(facts):
        return facts
    return {
        name: replace(one, tokens=replace(one.tokens, next=FRESH, next_agents=FRESH))
        if name in members
        else one
        for name, one in facts.items()
    }


def pending(facts: Mapping[str, NodeFacts]) -> TokenMarks | None:
    """Return the marks of the first server with staged tokens; None if there is none."""
    return next((one.tokens for one in facts.values() if one.tokens.next), None)


def renewal(
    desired: DesiredCluster, facts: Mapping[str, NodeFacts], within: int | None, members: tuple[str, ...]
) -> Plan:
    """Return the plan that renews certificates, one node after the other.

    `within`: only on nodes where one runs out in fewer days than that.
    """
    steps: dict[str, tuple[ConvergeStep, ...]] = {}
    for node in desired.nodes:
        found, unit = facts[node.name], desired.distro.unit(node.role)
        soonest = first(found.certificates, "leaf")
        if within is not None and (soonest is None or soonest.days(found.time) >= within):
            continue
        why = f"{soonest.name} {until(soonest, found.time)}" if soonest else "they are rotated"
        mine: list[ConvergeStep] = []
        if node.name in members and len(members) > 1:
            mine.append(HandOver(node=node.name, why="no request fails while it restarts"))
        mine += [
            RenewCertificates(node=node.name, why=why, unit=unit),
            RestartService(node=node.name, why="it makes them when it starts", unit=unit),
        ]
        if node.role == "server":
            mine.append(WaitServing(node=node.name, why="other nodes need it", unit=unit))
        mine.append(WaitReady(node=node.name, why="it starts", unit=unit, version=desired.version))
        steps[node.name] = tuple(mine)
    return Plan(desired.cluster, steps, members=members)


def _differs(mark: str, right: str) -> bool:
    return bool(mark and right) and mark != right


def _common(marks: Iterable[str]) -> str:
    found = {mark for mark in marks if mark}
    return found.pop() if len(found) == 1 else ""
