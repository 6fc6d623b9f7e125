"""The specs of the end-to-end tests. Each test has cluster names of its own: they share one engine."""

from __future__ import annotations


def small(cluster: str, *, name: str = "e2e", extra: str = "") -> str:
    """One server and one agent."""
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: {name}
clusters:
  {cluster}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1}}
    control_plane: {{nodes: 1}}
    pools:
      - {{name: default, nodes: 1}}
{extra}"""


def high_availability(cluster: str, octet: int, *, name: str = "e2e") -> str:
    """Three servers and two agents in two subnets; one agent labelled and tainted."""
    return f"""\
apiVersion: kbootstrap/v1alpha1
name: {name}
clusters:
  {cluster}:
    provider: {{local: {{}}}}
    kubernetes: {{distribution: k3s, version: v1.32.0+k3s1, secrets_encryption: true}}
    network: {{cidr: 10.{octet}.0.0/16, control_plane: 10.{octet}.0.0/24, agents: 10.{octet}.4.0/22}}
    control_plane: {{nodes: 3}}
    pools:
      - {{name: web, nodes: 1, labels: {{tier: web}}}}
      - {{name: db, nodes: 1, labels: {{tier: db}}, taints: ["dedicated=db:NoSchedule"]}}
"""
