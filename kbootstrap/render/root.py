"""What the rendered roots of all providers share."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from kbootstrap import distros
from kbootstrap.inventory.contract import MACHINES, NAME
from kbootstrap.render.hcl import Block, Comment, Item, Raw, Value, document
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Pool, Spec
from kbootstrap.spec.states import backend_settings
from kbootstrap.spec.topology import nodes

API_PORT = 6443
"""Where Kubernetes servers answer on their own addresses, with k3s and RKE2 alike."""


def module_name(cluster: Cluster, pool: Pool) -> str:
    """Return the name of a pool's module in the root."""
    return "control_plane" if pool is cluster.control_plane else f"pool_{pool.name}"


def nodes_by_pool(cluster: Cluster, lock: Lock) -> Mapping[str, tuple[Node, ...]]:
    """Return the wanted nodes of every pool that has some. ValueError for a lock without their blocks."""
    groups = itertools.groupby(nodes(cluster, lock), lambda node: node.pool)
    return {pool: tuple(found) for pool, found in groups}


def api_ports(cluster: Cluster) -> list[int]:
    """Return the ports of servers that nodes connect to; the first one is the API's."""
    joining = distros.find(cluster.kubernetes.distribution).registration_port
    return list(dict.fromkeys((API_PORT, joining)))


def backend(spec: Spec, cluster: Cluster) -> str:
    """Return `backend.tf`: where the cluster's state is kept, and how it is encrypted."""
    body: list[Item] = [Block("backend", spec.state.backend, body=backend_settings(spec, cluster))]
    if spec.state.passphrase is not None:
        body.append(_encryption())
    return document(Block("terraform", body=body))


def ssh_keys_variable() -> Block:
    """Return the variable that has the keys of operators; `Provider.prepare` gives its value."""
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
    """Return `outputs.tf`: the contract of `schemas/output.json`. `own` is what only this provider gives."""
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
    """Return the output of one pool's machines, or of the control plane's, for that pool's own file."""
    name = module_name(cluster, pool)
    who = "the control plane" if pool is cluster.control_plane else f"pool {pool.name}"
    return Block(
        "output",
        f"{MACHINES}{name}",
        body={"description": f"The machines of {who}.", "value": Raw(f"module.{name}.nodes")},
    )


def moves(cluster: Cluster) -> Mapping[str, str]:
    """Return `moved.tf`, where pools were renamed: their machines stay what they are under the new name.

    One step for each former name, so that a state from before any of them finds its way.
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
    """Return how state and plans are encrypted; kbootstrap adds the passphrase, which stands in no file."""
    # Without `enforced`: that would also forbid reading a state from before encryption, once, on demand.
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
