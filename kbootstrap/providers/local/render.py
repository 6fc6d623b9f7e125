"""Renders the root module of a local cluster: only values. The logic is in `terraform-modules/local/`."""

from __future__ import annotations

from kbootstrap.providers.local.flavors import flavors
from kbootstrap.render.hcl import Block, Comment, Raw, Value, document
from kbootstrap.render.model import RenderedRoot
from kbootstrap.render.root import api_ports, machines, module_name, nodes_by_pool, ssh_keys_variable
from kbootstrap.render.skeleton import of_nodes, skeleton
from kbootstrap.spec import derive
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Pool, Spec
from kbootstrap.spec.topology import endpoint_address

MODULES = ("local/network", "local/endpoint", "local/nodes")

ENGINE = (
    "command = string",
    "image = string",
    "run_options = list(string)",
    "node_options = list(string)",
    "labels = map(string)",
)
"""Fields of `var.engine`; see engine.tf of the modules."""
_SHARED = {"engine": Raw("var.engine"), "cluster": Raw("local.cluster")}


def render(spec: Spec, cluster: Cluster, lock: Lock) -> RenderedRoot:
    """Return the root module. Pure and byte-stable. Raises ValueError if the lock lacks the pools' blocks."""
    wanted = nodes_by_pool(cluster, lock)
    files, places = skeleton(spec, cluster, lambda pool: _pool(cluster, pool, wanted.get(pool.name, ())))
    files |= {
        "versions.tf": _versions(),
        "variables.tf": _variables(),
        "cluster.tf": document(Block("locals", body={"cluster": {"spec": spec.name, "name": cluster.name}})),
        "network.tf": _network(cluster),
        "endpoint.tf": _endpoint(spec, cluster),
    }
    places["var"] = ("clusters", cluster.name, "provider")
    places |= of_nodes(cluster, wanted, ("terraform_data.node", "terraform_data.authorized_keys"))
    return RenderedRoot(files, MODULES, places)


def _versions() -> str:
    return document(
        Comment("terraform_data is built in: no provider is downloaded."),
        Block("terraform", body={"required_version": ">= 1.5.0"}),
    )


def _variables() -> str:
    return document(
        Comment("What depends on this machine; kbootstrap finds it out and passes it as TF_VAR_…."),
        Block(
            "variable",
            "engine",
            body={
                "description": "The container engine, the node image, and what nodes need to run.",
                "nullable": False,
                "type": Raw(f"object({{ {', '.join(ENGINE)} }})"),
            },
        ),
        ssh_keys_variable(),
    )


def _network(cluster: Cluster) -> str:
    if cluster.network is None:
        raise ValueError(f"cluster {cluster.name} has no network")
    return document(
        Comment(
            f"Control plane {cluster.network.control_plane}, agents {cluster.network.agents}: "
            "parts of one bridge network."
        ),
        Block(
            "module",
            "network",
            body=[{"source": "../modules/local/network"}, _SHARED, {"cidr": str(cluster.network.cidr)}],
        ),
    )


def _endpoint(spec: Spec, cluster: Cluster) -> str:
    return document(
        Block(
            "module",
            "endpoint",
            body=[
                {"source": "../modules/local/endpoint"},
                {**_SHARED, "network": Raw("module.network.network")},
                {
                    "address": str(endpoint_address(cluster)),
                    "api_port": derive.api_port(spec.name, cluster),
                    "ports": api_ports(cluster),
                    "servers": Raw("[for node in module.control_plane.nodes : node.address]"),
                },
            ],
        )
    )


def _pool(cluster: Cluster, pool: Pool, wanted: tuple[Node, ...]) -> str:
    # A flavor that is not described was reported (KB0613).
    own = flavors(cluster).get(pool.flavors[0]) if pool.flavors else None
    size: Value = {"name": pool.flavors[0], "cpus": own.cpus, "memory_gib": own.memory_gib} if own else None
    return document(
        Block(
            "module",
            module_name(cluster, pool),
            body=[
                {"source": "../modules/local/nodes"},
                {**_SHARED, "network": Raw("module.network.network")},
                {"role": "server" if pool is cluster.control_plane else "agent", "pool": pool.born},
                {"flavor": size} if size else {},
                {"nodes": {node.name: {"address": str(node.address)} for node in wanted}},
                {"ssh_authorized_keys": Raw("var.ssh_authorized_keys")},
            ],
        ),
        machines(cluster, pool),
    )
