"""The cluster of this folder: its names and its spec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.lab import Lab
from tests.e2e.specs import small

C = "e2efault"
SERVER, *AGENTS = f"{C}-control-plane-1", *(f"{C}-default-{n}" for n in (1, 2, 3, 4))
AGENT = AGENTS[0]


def spec(nodes: int = 1, labels: str = "") -> str:
    """Return the spec with so many agents, which have these labels."""
    return small(C, nodes=nodes, labels=labels)


@contextmanager
def harmed(lab: Lab, node: str, harm: str, mend: str) -> Iterator[None]:
    """Harm a node behind the tool's back, and mend it again."""
    lab.on_node(node, harm)
    try:
        yield
    finally:
        lab.on_node(node, mend)
