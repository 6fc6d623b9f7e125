"""The common parts of the rendered roots of all providers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from kbootstrap import distros
from kbootstrap.distros import registries
from kbootstrap.distros.paths import paths
from kbootstrap.inventory.contract import MACHINES, NAME
from kbootstrap.render.hcl import Block, Comment, Item, Raw, Value, document
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Pool, Spec
from kbootstrap.spec.states import backend_settings
from kbootstrap.spec.topology import API_PORT, nodes

KUBELET = 10250
"""The port of the kubelet (Kubernetes: "Ports and Protocols")."""


def module_name(cluster: Cluster, pool: Pool) -> str:
    """Return the name of a pool's module in the root."""
    return "control_plane" if pool is cluster.control_plane else f"pool_{pool.name}"


def nodes_by_pool(cluster: Cluster, lock: Lock) -> Mapping[str, tuple[Node, ...]]:
    """Return the desired nodes of every non-empty pool. ValueError if the lock has no blocks for them."""
    groups = itertools.groupby(nodes(cluster, lock), lambda node: node.pool)
    return {pool: tuple(found) for pool, found in groups}


def api_ports(cluster: Cluster) -> list[int]:
    """Return the ports of servers that nodes connect to; the first one is the API's."""
    joining = distros.find(cluster.kubernetes.distribution).registration_port
    return list(dict.fromkeys((API_PORT, joining)))


def pod_ports(cluster: Cluster) -> list[Value]:
    """Return the ports that every node opens to every other one for the network of the pods.

    Where the operator installs the network, it is the port that most of them use: VXLAN of Linux.
    """
    distribution = distros.of(cluster.kubernetes)
    found = [one for one in paths(distribution, "agent", "agent") if one.number != KUBELET]
    if not distribution.installs_network:
        return [{"protocol": "udp", "port": 8472}]
    return [{"protocol": one.protocol.lower(), "port": one.number} for one in found]


def image_ports(cluster: Cluster) -> list[int]:
    """Return the ports on which nodes give each other images; empty if they do not."""
    return [port.number for port in registries.ports(distros.of(cluster.kubernetes), cluster)]


def backend(spec: Spec, cluster: Cluster) -> str:
    """Return `backend.tf`: the location of the cluster's state, and its encryption."""
    body: list[Item] = [Block("backend", spec.state.backend, body=backend_settings(spec, cluster))]
    if spec.state.passphrase is not None:
        body.append(_encryption())
    return document(Block("terraform", body=body))


def ssh_keys_variable() -> Block:
    """Return the variable for the operators' keys; `Provider.prepare` returns its value."""
    return Block(
        "variable",
        "ssh_authorized_keys",
        body={
            "description": "Public keys that may log in to the nodes.",
            "nullable": False,
            "type": Raw("list(string)"),
        },
    )


def outputs(spec: Spec, cluster: Cluster, own: Mapping[str, Value] | None = None) -> str:
    """Return `outputs.tf`: the contract of `schemas/output.json`. `own` are provider-specific values."""
    return document(
        Comment("What kbootstrap reads back: schemas/output.json. Each pool's file gives its own machines."),
        Block(
            "output",
            NAME,
            body={
                "description": "Which cluster this is, and where its API answers.",
                "value": {
                    "spec": spec.name,
                    "cluster": cluster.name,
                    "network": Raw("module.network.network"),
                    "endpoint": Raw("module.endpoint.endpoint"),
                    **(own or {}),
                },
            },
        ),
    )


def machines(cluster: Cluster, pool: Pool) -> Block:
    """Return the output with the machines of one pool or of the control plane, for that pool's file."""
    name = module_name(cluster, pool)
    who = "the control plane" if pool is cluster.control_plane else f"pool {pool.name}"
    return Block(
        "output",
        f"{MACHINES}{name}",
        body={"description": f"The machines of {who}.", "value": Raw(f"module.{name}.nodes")},
    )


def moves(cluster: Cluster) -> Mapping[str, str]:
    """Return `moved.tf`, if pools were renamed: their machines are kept under the new name.

    One `moved` block per former name, so that a state with any of the former names is migrated.
    """
    blocks: list[Item] = []
    for pool in cluster.pools:
        for former, later in itertools.pairwise((*pool.renamed_from, pool.name)):
            steps: dict[str, Value] = {
                "from": Raw(f"module.pool_{former}"),
                "to": Raw(f"module.pool_{later}"),
            }
            blocks.append(Block("moved", body=steps))
    return {"moved.tf": document(*blocks)} if blocks else {}


def _encryption() -> Block:
    """Return the encryption of state and plans; kbootstrap adds the passphrase, which is never in a file."""
    # `enforced` is not set: it would also prevent the one-time migration of an unencrypted state.
    method: dict[str, Value] = {"method": Raw("method.aes_gcm.state")}
    return Block(
        "encryption",
        body=[
            Block("key_provider", "pbkdf2", "passphrase"),
            Block("method", "aes_gcm", "state", body={"keys": Raw("key_provider.pbkdf2.passphrase")}),
            Block("state", body=method),
            Block("plan", body=method),
        ],
    )
