"""The cluster of this folder: its names and its spec."""

from __future__ import annotations

from tests.e2e.bucket import KEYS, snapshots
from tests.e2e.specs import NETWORK

C = "e2eone"
SERVER, AGENT, AGENT_2 = f"{C}-control-plane-1", f"{C}-default-1", f"{C}-default-2"
SECRETS = KEYS | {"E2E_PASS": "open-sesame"}


def spec(port: int, agents: int = 1) -> str:
    """Return the spec: one server and some agents, whose snapshots go to the server at this port."""
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: e2e
clusters:
  {C}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1, secrets_encryption: true}}
    network: {NETWORK}
    control_plane: {{nodes: 1}}
    pools:
      - {{name: default, nodes: {agents}}}
{snapshots(port)}"""
