"""In which order nodes leave, and get a new machine: what a plan shows and a turnover does; pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from kbootstrap.cluster.going import Going
from kbootstrap.cluster.model import WantedNode

TOGETHER = 4
"""Agents that leave for good at the same time: their pods need room on those that stay."""
Batches = tuple[tuple[str, ...], ...]
"""Names of nodes that go together, batch after batch."""


@dataclass(frozen=True, slots=True)
class Order:
    """`leave` are the batches of nodes that go for good, and then `renew` those that get a new machine."""

    leave: Batches = ()
    renew: Batches = ()


def order(going: Going, nodes: Sequence[WantedNode]) -> Order:
    """Return who goes when: servers alone, agents of a pool as many as may be away at once.

    `nodes` are those of the spec, in its order.
    """
    servers = [name for name, role in going.removed.items() if role == "server"]
    agents = [name for name, role in going.removed.items() if role == "agent"]
    return Order((*((name,) for name in servers), *_chunks(agents, TOGETHER)), _renewed(going, nodes))


def _renewed(going: Going, nodes: Sequence[WantedNode]) -> Batches:
    servers = [(name,) for name, role in going.renewed.items() if role == "server"]
    agents = [node for node in nodes if node.name in going.renewed and node.role == "agent"]
    grouped = [list(found) for _, found in itertools.groupby(agents, lambda node: node.pool)]
    return (*servers, *(c for own in grouped for c in _chunks([n.name for n in own], own[0].at_once)))


def _chunks(names: Sequence[str], size: int) -> Batches:
    return tuple(tuple(names[begin : begin + size]) for begin in range(0, len(names), max(1, size)))
