"""The cluster of this folder: its names, its spec, and what several modules ask of it."""

from __future__ import annotations

from tests.e2e.stack import OLD, Stack, spec

CLUSTER = "vol"
SERVERS = tuple(f"{CLUSTER}-control-plane-{n}" for n in (1, 2, 3))
DATA = tuple(f"{CLUSTER}-data-{n}" for n in (1, 2))
NODE = DATA[0]
WEB = f"{CLUSTER}-web-1"
NODES = {SERVERS[0], *DATA, WEB}
MOUNT = "/var/lib/data"
SIZE = 2
VOLUMES = f"[{{name: data, size_gib: {SIZE}, mount: {MOUNT}}}]"
FLAVOR = "nodes: 2, flavor: lab.small"
"""Of the nodes with volumes."""
GROUP = "web/lab.small"
_DATA = f"name: data, {FLAVOR}, volumes: {VOLUMES}"
_WEB = "name: web, flavor: lab.small, labels: {tier: web}, anti_affinity: soft, autoscaling: {min: 1, max: 4}"
SPEC = spec(CLUSTER, f"[{{{_DATA}}}, {{{_WEB}}}]", version=OLD)


def text(cluster: Stack, node: str = NODE) -> str:
    """Return what a node's volume has, which must be the node's name."""
    return cluster.on_node(node, f"cat {MOUNT}/text")


def machines(cluster: Stack) -> set[str]:
    """Return the names of the elastic machines that the cloud has."""
    return {name for name, one in cluster.servers().items() if "kbootstrap.elastic" in one.metadata}
