"""The cluster of this folder: its names and its spec."""

from __future__ import annotations

from tests.e2e.bucket import snapshots
from tests.e2e.specs import local_spec

C = "e2ecover"
SERVERS = [f"{C}-control-plane-{n}" for n in (1, 2, 3)]
NODES = {*SERVERS, f"{C}-default-1"}


def spec(port: int) -> str:
    """Return the spec: three servers and one agent, whose snapshots go to the server at this port."""
    pools = "      - {name: default, nodes: 1}\n"
    return local_spec(C, servers="nodes: 3", pools=pools, more=snapshots(port))
