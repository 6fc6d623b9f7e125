"""The order in which nodes leave or get a new machine, for plans and for runs; pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.state.desired import DesiredNode

TOGETHER = 4
"""Agents that leave for good at the same time: their pods need room on those that stay."""
Batches = tuple[tuple[str, ...], ...]
"""Names of nodes that go together, batch after batch."""


@dataclass(frozen=True, slots=True)
class Order:
    """`removed` are the batches of nodes that leave for good; `replaced`, after them, get a new machine."""

    removed: Batches = ()
    replaced: Batches = ()


def order(removal: Removal, nodes: Sequence[DesiredNode], sequence: Iterable[str]) -> Order:
    """Return the removal order: servers one by one, agents of a pool as many as may be unavailable at once.

    `nodes` are those of the spec, in its order; `sequence` are names in the order in which they may leave.
    """
    names = {*removal.removed, *removal.replaced}
    in_sequence = [
        *dict.fromkeys((*(name for name in sequence if name in names), *removal.removed, *removal.replaced))
    ]
    leaving = [(name, removal.removed[name]) for name in in_sequence if name in removal.removed]
    servers = [(name,) for name in in_sequence if removal.replaced.get(name) == "server"]
    return Order(
        (
            *((name,) for name, role in leaving if role == "server"),
            *_chunks([name for name, role in leaving if role == "agent"], TOGETHER),
        ),
        (*servers, *agents_together(node for node in nodes if node.name in removal.replaced)),
    )


def agents_together(nodes: Iterable[DesiredNode]) -> Iterator[tuple[str, ...]]:
    """Yield the names of the agents that may be unavailable at once: `max_unavailable` of a pool."""
    agents = (node for node in nodes if node.role == "agent")
    for _, own in itertools.groupby(agents, lambda node: node.pool):
        found = list(own)
        yield from _chunks([node.name for node in found], found[0].at_once)


def _chunks(names: Sequence[str], size: int) -> Batches:
    return tuple(tuple(names[begin : begin + size]) for begin in range(0, len(names), max(1, size)))
