"""The specs of the end-to-end tests. Each test has cluster names of its own: they share one engine."""

from __future__ import annotations

NETWORK = "{cidr: 10.X.0.0/16, control_plane: 10.X.0.0/24, agents: 10.X.4.0/22}"
"""`Lab.spec` writes the number of a free range for the X."""


def small(
    cluster: str, *, name: str = "e2e", nodes: int = 1, labels: str = "", server_labels: str = ""
) -> str:
    """One server and some agents; labels are written `tier: web`."""
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: {name}
clusters:
  {cluster}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1}}
    network: {NETWORK}
    control_plane: {{nodes: 1, labels: {{{server_labels}}}}}
    pools:
      - {{name: default, nodes: {nodes}, labels: {{{labels}}}}}
"""


def high_availability(cluster: str, *, name: str = "e2e") -> str:
    """Three servers and two agents in two subnets; one agent labelled and tainted."""
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: {name}
clusters:
  {cluster}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1, secrets_encryption: true}}
    network: {NETWORK}
    control_plane: {{nodes: 3}}
    pools:
      - {{name: web, nodes: 1, labels: {{tier: web}}}}
      - {{name: db, nodes: 1, labels: {{tier: db}}, taints: ["dedicated=db:NoSchedule"]}}
"""
