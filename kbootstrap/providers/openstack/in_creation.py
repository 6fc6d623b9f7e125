"""Machines of a new cluster that are used while OpenTofu still creates other resources.

OpenTofu reports the ID of each resource that it has created. Together with the spec, that is the whole output
contract, except for the addresses of floating IPs, which the cloud assigns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kbootstrap.providers.context import ClusterDefinition
from kbootstrap.providers.openstack.connection import Cloud
from kbootstrap.providers.openstack.settings import BastionMachine, settings, ssh_user
from kbootstrap.render.address import node as node_of
from kbootstrap.render.hcl import instance
from kbootstrap.render.root import module_name
from kbootstrap.spec.model import Cluster, Node, Pool
from kbootstrap.spec.topology import API_PORT, endpoint_address

if TYPE_CHECKING:
    from openstack.connection import Connection

_WAY = ("module.network.", "module.security.", "module.bastion.")
"""What SSH connections to any node need."""
_ADDRESS = "openstack_networking_floatingip_v2.public"
_MACHINE = "openstack_compute_instance_v2"


def ready(
    definition: ClusterDefinition, planned: Collection[str], created: Mapping[str, str]
) -> frozenset[str]:
    """Implement `MachinesInCreation.ready`. Pure."""
    cluster, missing = definition.cluster, [address for address in planned if address not in created]
    if any(address.startswith(_WAY) for address in missing):
        return frozenset()
    pools = tuple(f"module.{module_name(cluster, pool)}." for pool in _pools(cluster))
    waiting = {_owner(address, cluster.name) for address in missing if address.startswith(pools)}
    first = _first(definition.nodes)
    if settings(cluster).bastion == "server" and first.name in waiting:
        return frozenset()
    return frozenset(node.name for node in definition.nodes if node.name not in waiting)


async def outputs(
    cloud: Cloud, definition: ClusterDefinition, created: Mapping[str, str], names: Collection[str]
) -> Mapping[str, Any]:
    """Implement `MachinesInCreation.outputs`."""
    wanted = {one for address, one in created.items() if f".{_ADDRESS}" in address}

    def look(sdk: Connection) -> dict[str, str]:
        return {one: str(sdk.network.get_ip(one).floating_ip_address) for one in sorted(wanted)}

    found = await cloud.ask("return its floating IPs", look)
    return contract(definition, created, found, names)


def contract(
    definition: ClusterDefinition,
    created: Mapping[str, str],
    addresses: Mapping[str, str],
    names: Collection[str],
) -> Mapping[str, Any]:
    """Return the outputs; `addresses` are floating IPs by ID. Pure."""
    cluster, first = definition.cluster, _first(definition.nodes)
    internal = {"host": str(endpoint_address(cluster)), "port": API_PORT}
    bastion: dict[str, Any] | None = None
    chosen = settings(cluster).bastion
    if chosen == "server":
        bastion = _bastion(
            cluster,
            addresses[created[_in_pool(cluster, first, _ADDRESS)]],
            created[_machine(cluster, first)],
        )
    elif isinstance(chosen, BastionMachine):
        address = addresses[created[f"module.bastion.{_ADDRESS}"]]
        bastion = _bastion(cluster, address, created[f"module.bastion.{_MACHINE}.bastion"])
    return {
        "kbootstrap": {
            "spec": definition.spec.name,
            "cluster": cluster.name,
            "endpoint": {"internal": internal, "external": internal},
            "bastion": bastion,
            "nodes": {
                node.name: _node(cluster, node, created, addresses)
                for node in definition.nodes
                if node.name in names
            },
        }
    }


def _node(
    cluster: Cluster, node: Node, created: Mapping[str, str], addresses: Mapping[str, str]
) -> dict[str, Any]:
    pool = _pool(cluster, node)
    public = created.get(_in_pool(cluster, node, _ADDRESS))
    volume = f"module.{module_name(cluster, pool)}.openstack_blockstorage_volume_v3.volume"
    volumes = {one.name: created[instance(volume, f"{node.name}/{one.name}")] for one in pool.volumes}
    return {
        "role": node.role,
        "pool": pool.born,
        "address": str(node.address),
        "instance": created[_machine(cluster, node)],
        "public_address": addresses[public] if public else None,
        **({"volumes": volumes} if volumes else {}),
    }


def _bastion(cluster: Cluster, address: str, machine: str) -> dict[str, Any]:
    return {"address": address, "user": ssh_user(cluster), "instance": machine}


@lru_cache(maxsize=1 << 16)
def _owner(address: str, cluster: str) -> str | None:
    """Return the node of a resource; asked again for each resource that OpenTofu has created."""
    return node_of(address, cluster)


def _first(nodes: Collection[Node]) -> Node:
    return next(node for node in nodes if node.role == "server" and node.ordinal == 1)


def _machine(cluster: Cluster, node: Node) -> str:
    return _in_pool(cluster, node, f"{_MACHINE}.node")


def _in_pool(cluster: Cluster, node: Node, resource: str) -> str:
    return instance(f"module.{module_name(cluster, _pool(cluster, node))}.{resource}", node.name)


def _pool(cluster: Cluster, node: Node) -> Pool:
    return next(pool for pool in _pools(cluster) if pool.name == node.pool)


def _pools(cluster: Cluster) -> tuple[Pool, ...]:
    return (cluster.control_plane, *cluster.pools)
