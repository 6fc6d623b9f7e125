"""Decides what maintenance does on each node, and in which order. Pure.

The order is that of an upgrade: servers one after the other, then agents, `max_unavailable` of a pool at
once. Nodes that an interrupted run left cordoned come first, because they are away already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kbootstrap.cluster.decide.order import Batches, agents_together
from kbootstrap.cluster.state.desired import DesiredCluster, DesiredNode
from kbootstrap.cluster.state.upkeep import Upkeep
from kbootstrap.cluster.steps.api import WaitKnown
from kbootstrap.cluster.steps.base import ConvergeStep
from kbootstrap.cluster.steps.membership import Uncordon, WaitReady
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.service import WaitServing
from kbootstrap.distros.model import Role
from kbootstrap.spec.maintenance import Maintenance

Reboot = Literal["no", "now", "waits"]
"""Whether a machine must be rebooted: it is, or `reboot: never` makes it wait."""
_WAITS = (Uncordon, WaitReady, WaitServing, WaitKnown)
"""What an interrupted maintenance leaves to do: the node was cordoned, and its service starts."""


@dataclass(frozen=True, slots=True)
class NodeWork:
    """What is done on one node. `packages` are updated; `because` are those that require the reboot.

    `unknown` is why nothing is known of its updates, and nothing is done.
    """

    name: str
    role: Role
    packages: tuple[str, ...] = ()
    reboot: Reboot = "no"
    because: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def acts(self) -> bool:
        """Whether anything is done on the node."""
        return bool(self.packages) or self.reboot == "now"


def work(desired: DesiredCluster, how: Maintenance, found: Mapping[str, Upkeep]) -> tuple[NodeWork, ...]:
    """Return what is to be done on each node of `found`, in the order of the spec; pure."""
    return tuple(_work(node, how, found[node.name]) for node in desired.nodes if node.name in found)


def _work(node: DesiredNode, how: Maintenance, found: Upkeep) -> NodeWork:
    if not found.supported:
        return NodeWork(node.name, node.role, unknown="" if how.idle else "it has no apt-get")
    packages = (found.updates or ()) if how.os_updates == "security" else ()
    reboot: Reboot = "no"
    if found.reboot:
        reboot = "now" if how.reboot == "auto" else "waits"
    return NodeWork(node.name, node.role, packages, reboot, found.packages if found.reboot else ())


def batches(desired: DesiredCluster, works: Sequence[NodeWork], cordoned: Collection[str] = ()) -> Batches:
    """Return the names of nodes that are worked on together; those that a run left `cordoned` come first."""
    acting = {one.name for one in works if one.acts}
    nodes = [node for node in desired.nodes if node.name in acting]
    begun = [node for node in nodes if node.name in cordoned]
    rest = [node for node in nodes if node.name not in cordoned]
    return (*_in_order(begun), *_in_order(rest))


def _in_order(nodes: Sequence[DesiredNode]) -> Iterator[tuple[str, ...]]:
    yield from ((node.name,) for node in nodes if node.role == "server")
    yield from agents_together(nodes)


def repairs(plan: Plan) -> bool:
    """Return whether the plan only completes an interrupted maintenance, or is empty."""
    return not plan.leaving and all(isinstance(step, _WAITS) for step in plan.all_steps)


def before(plan: Plan, works: Sequence[NodeWork]) -> Mapping[str, tuple[ConvergeStep, ...]]:
    """Return the steps of the plan to carry out first: nodes that are worked on stay cordoned until then."""
    acting = {one.name for one in works if one.acts}
    kept = {
        name: tuple(step for step in steps if name not in acting or not isinstance(step, Uncordon))
        for name, steps in plan.steps.items()
    }
    return {name: steps for name, steps in kept.items() if steps}


def cordoned(plan: Plan) -> frozenset[str]:
    """Return the nodes that an interrupted run left cordoned."""
    return frozenset(name for name in plan.steps if plan.has(name, Uncordon))
