"""The cluster of this folder: its names and its spec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.bucket import KEYS, snapshots
from tests.e2e.lab import Lab
from tests.e2e.specs import local_spec

C = "e2eone"
SERVER, *AGENTS = f"{C}-control-plane-1", *(f"{C}-default-{n}" for n in (1, 2, 3, 4))
AGENT, AGENT_2 = AGENTS[:2]
PORT = "E2E_PORT"
"""Where the lab keeps the port of the server for snapshots."""
SECRETS = KEYS | {"E2E_PASS": "open-sesame"}


def spec(lab: Lab, agents: int = 1, labels: str = "", more: str = "") -> str:
    """Return the spec: one server, so many agents, which have these labels (`tier: web`), and more keys."""
    pools = f"      - {{name: default, nodes: {agents}, labels: {{{labels}}}}}\n"
    return local_spec(C, pools=pools, more=snapshots(int(lab.extra[PORT])) + more)


@contextmanager
def harmed(lab: Lab, node: str, harm: str, mend: str) -> Iterator[None]:
    """Harm a node behind the tool's back, and mend it again."""
    lab.on_node(node, harm)
    try:
        yield
    finally:
        lab.on_node(node, mend)
