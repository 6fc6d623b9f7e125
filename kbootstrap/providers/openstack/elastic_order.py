"""The request for an elastic machine: what the module `nodes` makes of a node, as one request to Nova.

Nova makes the port, so it also removes it: with the machine, and when the machine cannot be made. The place
of its address in the blocks for elastic nodes is the machine's number, as the ordinal is for other nodes: it
decides about zone and server group. So no place in a group is ever meant for two machines. The groups are not
those of the pool's other nodes, which OpenTofu fills up to their largest size.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kbootstrap.core.errors import WrongUsage
from kbootstrap.providers.context import ClusterDefinition
from kbootstrap.providers.elastic import ADDRESS, ELASTIC, FLAVOR, POOL, MachineOrder
from kbootstrap.providers.openstack.names import ELASTIC_GROUP, GROUP_MEMBERS, metadata, owner
from kbootstrap.providers.openstack.render_machines import image_id
from kbootstrap.providers.openstack.settings import settings, ssh_user
from kbootstrap.providers.openstack.user_data import user_data
from kbootstrap.spec.model import Pool
from kbootstrap.spec.topology import elastic_addresses

POLICIES = {"soft": "soft-anti-affinity", "hard": "anti-affinity"}


@dataclass(frozen=True, slots=True)
class ServerGroupName:
    """A server group of a pool, and its policy."""

    name: str
    policy: str


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """A server to create. `body` lacks what only the cloud knows: IDs of flavor, network and groups."""

    body: Mapping[str, Any]
    flavor: str
    address: str
    group: ServerGroupName | None


def server_request(definition: ClusterDefinition, order: MachineOrder, keys: list[str]) -> ServerRequest:
    """Return the request; `keys` are the authorized public keys. Pure.

    Raises `SpecInvalid` (KB0353) if the image is set by name and the lock file has no ID for it, and
    `WrongUsage` for a pool or an address that the cluster does not have.
    """
    spec, cluster = definition.spec, definition.cluster
    chosen, pool = settings(cluster), _pool(definition, order.pool)
    number = _number(definition, pool, order.address)
    image = image_id(spec, cluster, definition.lock)
    tags = {
        **metadata(spec, cluster),
        POOL: pool.born,
        "kbootstrap.role": "agent",
        ELASTIC: "yes",
        FLAVOR: order.flavor,
        ADDRESS: order.address,
    }
    body: dict[str, Any] = {
        "name": order.name,
        "metadata": tags,
        "user_data": base64.b64encode(user_data(ssh_user(cluster), keys).encode()).decode(),
    }
    if chosen.key_pair is not None:
        body["key_name"] = chosen.key_pair
    if chosen.availability_zones:
        body["availability_zone"] = chosen.availability_zones[number % len(chosen.availability_zones)]
    if chosen.boot_volume is None:
        body["image_id"] = image
    else:
        device = {
            "boot_index": 0,
            "source_type": "image",
            "uuid": image,
            "destination_type": "volume",
            "volume_size": chosen.boot_volume.size_gib,
            "delete_on_termination": True,
        }
        kind = {"volume_type": chosen.boot_volume.type} if chosen.boot_volume.type else {}
        body["block_device_mapping"] = [device | kind]
    group = None
    if policy := POLICIES.get(pool.anti_affinity):
        name = f"{owner(spec, cluster)}-{pool.born}-{ELASTIC_GROUP}{number // GROUP_MEMBERS + 1}"
        group = ServerGroupName(name, policy)
    return ServerRequest(body, order.flavor, order.address, group)


def _pool(definition: ClusterDefinition, born: str) -> Pool:
    found = next((pool for pool in definition.cluster.pools if pool.born == born), None)
    if found is None:
        raise WrongUsage(f"cluster {definition.cluster.name} has no pool '{born}'", code="KB0401")
    return found


def _number(definition: ClusterDefinition, pool: Pool, address: str) -> int:
    """Return the place of an address in the blocks for elastic nodes, from 0."""
    known = [str(one) for one in elastic_addresses(definition.cluster, pool, definition.lock)]
    if address not in known:
        raise WrongUsage(f"{address} is no address of pool {pool.name}", code="KB0401")
    return known.index(address)
