"""Values derived from names, so that they are the same on every machine and in every run."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Network

from kbootstrap.spec.model import Cluster, Network

FIRST_PORT = 20000
"""Derived API ports start here: above the ports of well-known services, below the ephemeral range of Linux
(32768, `net.ipv4.ip_local_port_range`)."""
PORTS = 10000
NODE_MASK = 24
"""Each node takes a /24 of the pod addresses (kube-controller-manager, `--node-cidr-mask-size`)."""


def number(*names: str) -> int:
    """Return a large number that depends only on the names."""
    return int.from_bytes(hashlib.sha256("/".join(names).encode()).digest()[:8], "big")


def network(spec: str, cluster: str) -> Network:
    """Return the network of a cluster without one in the spec: `10.<128..223>.0.0/16`.

    This part of 10.0.0.0/8 avoids the low numbers that are often chosen manually.
    """
    second = 128 + number(spec, cluster) % 96
    return Network(
        IPv4Network(f"10.{second}.0.0/16"),
        IPv4Network(f"10.{second}.0.0/24"),
        IPv4Network(f"10.{second}.4.0/22"),
    )


def api_port(spec: str, cluster: Cluster) -> int:
    """Return the port on this machine that publishes the API of a cluster (for providers that publish it)."""
    chosen = cluster.provider.settings.get("api_port")
    return int(chosen) if chosen is not None else FIRST_PORT + number(spec, cluster.name) % PORTS
