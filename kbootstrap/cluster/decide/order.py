"""In which order nodes leave, and get a new machine: what a plan shows and a turnover does; pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kbootstrap.cluster.decide.removal import Going
from kbootstrap.cluster.state.model import WantedNode

TOGETHER = 4
"""Agents that leave for good at the same time: their pods need room on those that stay."""
Batches = tuple[tuple[str, ...], ...]
"""Names of nodes that go together, batch after batch."""


@dataclass(frozen=True, slots=True)
class Order:
    """`leave` are the batches of nodes that go for good, and then `renew` those that get a new machine."""

    leave: Batches = ()
    renew: Batches = ()


def order(going: Going, nodes: Sequence[WantedNode], turn: Iterable[str]) -> Order:
    """Return who goes when: servers alone, agents of a pool as many as may be away at once.

    `nodes` are those of the spec, in its order; `turn` are names in the order in which they may go.
    """
    names = {*going.removed, *going.renewed}
    names_in_turn = [
        *dict.fromkeys((*(name for name in turn if name in names), *going.removed, *going.renewed))
    ]
    leaving = [(name, going.removed[name]) for name in names_in_turn if name in going.removed]
    servers = [(name,) for name in names_in_turn if going.renewed.get(name) == "server"]
    return Order(
        (
            *((name,) for name, role in leaving if role == "server"),
            *_chunks([name for name, role in leaving if role == "agent"], TOGETHER),
        ),
        (*servers, *_renewed_agents(going, nodes)),
    )


def _renewed_agents(going: Going, nodes: Sequence[WantedNode]) -> Iterator[tuple[str, ...]]:
    agents = [node for node in nodes if node.name in going.renewed and node.role == "agent"]
    for _, own in itertools.groupby(agents, lambda node: node.pool):
        found = list(own)
        yield from _chunks([node.name for node in found], found[0].at_once)


def _chunks(names: Sequence[str], size: int) -> Batches:
    return tuple(tuple(names[begin : begin + size]) for begin in range(0, len(names), max(1, size)))
