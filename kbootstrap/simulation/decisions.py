"""What the autoscaler decides: which group grows, and which node is removed. As Cluster Autoscaler does.

Growth: pods that fit no node, also none that is being created, are packed on new nodes of each group; of the
pools with the highest priority, the group with the lowest price for what the pods request grows (expander
`price`). A flavor without a price counts with its size. Removal: a node that is used by less than half, and
whose pods fit elsewhere, is idle (`--scale-down-utilization-threshold`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from kbootstrap.simulation.fleet import Fleet, Node
from kbootstrap.simulation.model import Group
from kbootstrap.simulation.quantities import Size

IDLE_BELOW = 0.5
"""Used share below which a node may be removed."""
_GIB = 2**30
_GIB_PER_CPU = 4
"""Memory that is worth as much as a processor when prices of flavors are compared, in GiB."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A group that can grow: by how many nodes, for how many pods. `worth` is what these request."""

    group: int
    nodes: int
    pods: int
    worth: Decimal
    waste: float


def growth(fleet: Fleet, pending: Counter[int], now: int) -> Growth | None:
    """Return the group that grows for the pending pods; None if no group helps any of them."""
    if not pending:
        return None
    waiting = fleet.leftover(pending, (node for node in fleet.nodes if node.ready_at > now))
    if not waiting:
        return None
    options = [option for group in range(len(fleet.groups)) if (option := _option(fleet, group, waiting))]
    if not options:
        return None
    top = max(fleet.pools[fleet.groups[one.group].pool].priority for one in options)
    options = [one for one in options if fleet.pools[fleet.groups[one.group].pool].priority == top]
    prices = _prices(fleet.groups)
    return min(options, key=lambda one: (_price(one, prices), one.waste, one.group))


def idle(fleet: Fleet, now: int) -> list[Node]:
    """Return the nodes that are not needed: little used, and their pods fit on other nodes."""
    found = []
    ready = [node for node in fleet.nodes if node.ready_at <= now]
    for node in ready:
        if node.static or fleet.used(node) >= IDLE_BELOW:
            continue
        if not node.count or not fleet.leftover(node.pods, (one for one in ready if one is not node)):
            found.append(node)
    return found


def _option(fleet: Fleet, group: int, waiting: Counter[int]) -> Growth | None:
    index = fleet.groups[group].pool
    room = fleet.pools[index].max - fleet.size(index)
    left = Counter(waiting)
    nodes: list[Node] = []
    while left and len(nodes) < room:
        node = fleet.empty(group)
        left = fleet.fill(left, [node])
        if not node.count:
            break
        nodes.append(node)
    if not nodes:
        return None
    pods = sum(waiting.values()) - sum(left.values())
    waste = sum(1 - fleet.used(node) for node in nodes) / len(nodes)
    return Growth(group, len(nodes), pods, _worth(fleet, waiting, left), waste)


def _worth(fleet: Fleet, waiting: Counter[int], left: Counter[int]) -> Decimal:
    total = Decimal(0)
    for workload, pods in waiting.items():
        total += (pods - left[workload]) * _units(fleet.workloads[workload].request)
    return total


def _units(size: Size) -> Decimal:
    """Return a size as one number: processors, and memory that is worth as much."""
    return Decimal(size.cpu) / 1000 + Decimal(size.memory) / (_GIB * _GIB_PER_CPU)


def _prices(groups: Sequence[Group]) -> list[Decimal]:
    """Return the prices of groups; an unknown one is that of the most expensive known flavor for its size."""
    rates = [group.price / _units(group.room) for group in groups if group.price and _units(group.room)]
    most = max(rates, default=Decimal(1))
    return [_units(group.room) * most if group.price is None else group.price for group in groups]


def _price(option: Growth, prices: Sequence[Decimal]) -> Decimal:
    return option.nodes * prices[option.group] / option.worth if option.worth else Decimal(0)
