"""The cluster of this folder: its names and its spec."""

from __future__ import annotations

from tests.e2e.bucket import snapshots
from tests.e2e.specs import NETWORK

C = "e2ecover"
SERVERS = [f"{C}-control-plane-{n}" for n in (1, 2, 3)]
NODES = {*SERVERS, f"{C}-default-1"}


def spec(port: int) -> str:
    """Return the spec: three servers and one agent, whose snapshots go to the server at this port."""
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: e2e
clusters:
  {C}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1, secrets_encryption: true}}
    network: {NETWORK}
    control_plane: {{nodes: 3}}
    pools:
      - {{name: default, nodes: 1}}
{snapshots(port)}"""
