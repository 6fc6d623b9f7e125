"""The containers of a cluster: connections, missing resources, and cleanup."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any

from kbootstrap.core.errors import HostUnreachable, KbootstrapError
from kbootstrap.distros.common import STAMP
from kbootstrap.hosts.known_hosts import KnownHosts
from kbootstrap.inventory.certificate import certificate_names
from kbootstrap.inventory.model import Endpoint, Inventory, Machine, SshTarget
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.local.claims import endpoint_name
from kbootstrap.providers.local.containers import CLUSTER, INSTANCE, NODE, OWNER, Container, Containers
from kbootstrap.providers.local.keys import identity
from kbootstrap.providers.model import DestroyPreview, MachineState, Provisioning
from kbootstrap.render.hcl import instance
from kbootstrap.render.root import module_name
from kbootstrap.spec.model import Cluster

USER = "kbootstrap"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
NETWORK = "module.network.terraform_data.network"
ENDPOINT = "module.endpoint.terraform_data.endpoint"
_BOOT = 30.0
"""Seconds for a node to generate its host key; it takes less than one on an idle machine."""


async def missing(
    cluster: Cluster, outputs: Mapping[str, Any], containers: Containers
) -> dict[str, MachineState]:
    """Return containers and the network that are missing, or that differ from those in the state."""
    contract = outputs.get("kbootstrap")
    if not contract:
        return {}
    engine = containers.engine.command
    found: dict[str, MachineState] = {}
    network = contract["network"]["name"]
    if network not in await containers.network_names():
        found[NETWORK] = MachineState(gone=f"{engine} has no network {network}", replace=(NETWORK,))
    nodes: Mapping[str, Any] = contract["nodes"]
    own = endpoint_name(cluster)
    there = await containers.named((*nodes, own))
    modules = {pool.born: module_name(cluster, pool) for pool in (cluster.control_plane, *cluster.pools)}
    for name, node in nodes.items():
        reason = _gone(name, node["instance"], there.get(name), engine)
        if reason and node["pool"] in modules:
            address = instance(f"module.{modules[node['pool']]}.terraform_data.node", name)
            found[name] = MachineState(gone=reason, replace=(address,))
    if reason := _gone(own, contract["endpoint"].get("instance"), there.get(own), engine):
        found[ENDPOINT] = MachineState(gone=reason, replace=(ENDPOINT,))
    return found


def _gone(name: str, wanted: str | None, there: Container | None, engine: str) -> str | None:
    if there is None:
        return f"{engine} has no container {name}"
    if wanted and there.labels.get(INSTANCE) != wanted:
        return f"the container {name} is not the one in the state"
    return None


async def provisioning(names: Collection[str], containers: Containers) -> dict[str, Provisioning]:
    """Return for each node whether its container has the stamp file of an installation."""
    there = await containers.named(names)
    installed = [await containers.has(container.id, STAMP) for container in there.values()]
    found = {
        name: Provisioning.PROVISIONED if stamp else Provisioning.UNPROVISIONED
        for name, stamp in zip(there, installed, strict=True)
    }
    return {name: found.get(name, Provisioning.ABSENT) for name in names}


async def inventory(
    context: ProviderContext,
    outputs: Mapping[str, Any],
    containers: Containers,
    *,
    starting: bool = True,
    tolerate_missing: Collection[str] = (),
) -> Inventory:
    """Return the connections to the machines. Starts stopped containers.

    Raises `HostUnreachable` for a container that does not exist or does not boot. Without `starting` nothing
    is changed, and such machines are in `absent`. Missing machines in `tolerate_missing` are
    always in `absent`.
    """
    contract, cluster = outputs["kbootstrap"], context.cluster
    wanted = (*contract["nodes"], endpoint_name(cluster))
    there = await containers.named(wanted)
    gone = {name: _missing(name) for name in wanted if name not in there}
    stopped = [name for name, container in there.items() if not container.running]
    if starting and (missing := [error for name, error in gone.items() if name not in tolerate_missing]):
        raise missing[0]
    if starting and (needed := [name for name in stopped if name not in tolerate_missing]):
        await containers.start(needed)
        there = await containers.named(wanted)
        stopped = [name for name in stopped if name in tolerate_missing]
    absent: dict[str, KbootstrapError] = {name: gone[name] for name in contract["nodes"] if name in gone}
    absent |= {name: _stopped(name) for name in stopped if name in contract["nodes"]}
    key, pins = identity(context), KnownHosts(context.space.known_hosts)

    async def machine(name: str, address: str) -> Machine | None:
        try:
            port = there[name].ports.get(22)
            if port is None:
                raise _not_booting(name, containers)
            target = SshTarget(key_alias=name, host="127.0.0.1", port=port, user=USER, identities=(key,))
            one = there[name].id
            keys = () if pins.has(name, one) else (await _host_key(name, containers),)
            return Machine(name, address, target, one, keys)
        except HostUnreachable as error:
            if starting and name not in tolerate_missing:
                raise
            absent[name] = error
            return None

    found = await asyncio.gather(
        *(machine(name, node["address"]) for name, node in contract["nodes"].items() if name not in absent)
    )
    internal, external = (Endpoint(**contract["endpoint"][side]) for side in ("internal", "external"))
    return Inventory(
        cluster.name, {m.name: m for m in found if m}, internal, external, certificate_names(cluster), absent
    )


def _missing(name: str) -> HostUnreachable:
    return HostUnreachable(
        f"the container {name} does not exist",
        hint="`kbootstrap apply` creates it again",
        host=name,
        code="KB0610",
    )


def _stopped(name: str) -> HostUnreachable:
    return HostUnreachable(f"the container {name} is stopped", hint="`kbootstrap apply` starts it", host=name)


async def _host_key(name: str, containers: Containers) -> str:
    """Read the host key from inside the container. This source is trusted, so the key can be pinned."""
    end = time.monotonic() + _BOOT
    while True:
        fields = (await containers.read(name, HOST_KEY)).split()
        if len(fields) >= 2:
            return " ".join(fields[:2])
        if time.monotonic() > end:
            raise _not_booting(name, containers)
        await asyncio.sleep(0.1)


def _not_booting(name: str, containers: Containers) -> HostUnreachable:
    engine = containers.engine.command
    return HostUnreachable(
        f"the container {name} does not boot",
        hint=f"inspect it with `{engine} logs {name}` and `{engine} exec {name} systemctl --failed`",
        host=name,
        code="KB0611",
    )


async def destroy_preview(context: ProviderContext, containers: Containers) -> DestroyPreview:
    """Return the names of the nodes with containers."""
    found = await containers.labelled(_marks(context))
    names = sorted({one.labels[NODE] for one in found if one.labels.get(NODE)})
    engine = containers.engine.command
    return DestroyPreview(f"in {engine} on this machine", {"machines": tuple(names)})


async def remove_nodes(context: ProviderContext, names: Collection[str], containers: Containers) -> None:
    """Remove the containers of these nodes, only of this cluster."""
    found = await containers.labelled(_marks(context))
    await containers.remove(one.id for one in found if one.labels.get(NODE) in names)


async def remove_unlisted_nodes(context: ProviderContext, containers: Containers) -> None:
    """Remove the containers of nodes that belong to no pool of the spec."""
    cluster = context.cluster
    pools = (cluster.control_plane, *cluster.pools)
    known = tuple(f"{cluster.name}-{pool.born}-" for pool in pools)
    found = await containers.labelled(_marks(context))
    names = [name for one in found if (name := one.labels.get(NODE)) and not name.startswith(known)]
    await remove_nodes(context, names, containers)


async def remove_all(context: ProviderContext, containers: Containers) -> None:
    """Remove containers and networks of this cluster that are in no state (after a killed run)."""
    marks = _marks(context)
    left = await containers.labelled(marks)
    await containers.remove(container.id for container in left)
    for network in await containers.networks():
        if all(network.labels.get(key) == value for key, value in marks.items()):
            await containers.remove_network(network.name)


def _marks(context: ProviderContext) -> Mapping[str, str]:
    return {CLUSTER: context.cluster.name, OWNER: str(context.space.root)}
