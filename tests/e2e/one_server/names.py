"""The cluster of this folder: its names and its spec."""

from __future__ import annotations

from tests.e2e.bucket import KEYS, snapshots
from tests.e2e.specs import local_spec

C = "e2eone"
SERVER, AGENT, AGENT_2 = f"{C}-control-plane-1", f"{C}-default-1", f"{C}-default-2"
SECRETS = KEYS | {"E2E_PASS": "open-sesame"}


def spec(port: int, agents: int = 1) -> str:
    """Return the spec: one server and some agents, whose snapshots go to the server at this port."""
    pools = f"      - {{name: default, nodes: {agents}}}\n"
    return local_spec(C, pools=pools, more=snapshots(port))
