"""Checks that names, addresses and the API port are free before a cluster is created on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Mapping
from pathlib import Path

from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.local.containers import CLUSTER, OWNER, SPEC, Container, Containers
from kbootstrap.spec import derive
from kbootstrap.spec.model import Cluster, Spec

_ASK = 10.0


def endpoint_name(cluster: Cluster) -> str:
    """Return the name of the API endpoint's container."""
    return f"{cluster.name}-api"


def network_name(spec: str, cluster: str) -> str:
    """Return the name of a cluster's network."""
    return f"kbootstrap-{spec}-{cluster}"


def node_names(cluster: Cluster) -> tuple[str, ...]:
    """Return the names of all nodes. They do not depend on addresses, so no lock is needed."""
    pools = (cluster.control_plane, *cluster.pools)
    return tuple(f"{cluster.name}-{p.born}-{n}" for p in pools for n in range(1, p.nodes + 1))


async def verify(context: ProviderContext, containers: Containers) -> None:
    """Raise `PrerequisiteMissing` for the first name, address or port that is in use elsewhere."""
    owner = str(context.space.root)
    spec, cluster = context.spec, context.cluster
    there = await containers.named((*node_names(cluster), endpoint_name(cluster)))
    _names(spec, cluster, containers.engine.command, owner, there)
    await _addresses(spec, cluster, containers, owner)
    await _port(containers, context, there.get(endpoint_name(cluster)))


def belongs(labels: Mapping[str, str], spec: str, cluster: str, owner: str) -> bool:
    """Return whether a container or network belongs to this cluster.

    If the owner's folder no longer exists (it was moved or deleted), the cluster belongs to the folder that
    creates it again.
    """
    marked = labels.get(OWNER, owner)
    return (labels.get(SPEC), labels.get(CLUSTER)) == (spec, cluster) and (
        marked == owner or not Path(marked).exists()
    )


def _names(spec: Spec, cluster: Cluster, engine: str, owner: str, there: Mapping[str, Container]) -> None:
    for name, one in there.items():
        if not belongs(one.labels, spec.name, cluster.name, owner):
            raise PrerequisiteMissing(
                f"a container named {name} exists already and belongs to {_holder(one.labels)}",
                hint=f"remove it (`{engine} rm --force --volumes {name}`), or give the cluster another name",
                code="KB0607",
                host=name,
            )


async def _addresses(spec: Spec, cluster: Cluster, containers: Containers, owner: str) -> None:
    if cluster.network is None:
        return
    own = network_name(spec.name, cluster.name)
    for network in await containers.networks():
        ours = network.name == own and belongs(network.labels, spec.name, cluster.name, owner)
        if network.name == own and not ours:
            raise PrerequisiteMissing(
                f"a network named {own} exists already and belongs to {_holder(network.labels)}",
                hint="give the cluster another name, or destroy the other one",
                code="KB0607",
            )
        overlap = next((n for n in network.subnets if n.overlaps(cluster.network.cidr)), None)
        if overlap and not ours:
            raise PrerequisiteMissing(
                f"the network {cluster.network.cidr} of cluster {cluster.name} overlaps {overlap} of "
                f"{containers.engine.command}'s network {network.name}",
                hint="write another `network:` for the cluster, or remove the other network",
                code="KB0608",
            )


async def _port(containers: Containers, context: ProviderContext, own: Container | None) -> None:
    spec, cluster = context.spec, context.cluster
    port = derive.api_port(spec.name, cluster)
    if own and port in own.ports.values() and own.running:
        return
    if await asyncio.to_thread(free, port):
        return
    holder = await _port_holder(port, containers, context)
    raise PrerequisiteMissing(
        f"port {port} of this machine, which the API of cluster {cluster.name} needs, is in use{holder}",
        hint="stop the program that uses the port, or set another one: `provider: {local: {api_port: PORT}}`",
        code="KB0606",
    )


def free(port: int) -> bool:
    """Return whether a program could listen on this port of the loopback address."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def _port_holder(port: int, containers: Containers, context: ProviderContext) -> str:
    """Return what listens on the port: a container, or a process if `ss` can show it."""
    for container in await containers.all():
        if container.running and port in container.ports.values():
            return f" by the container {container.name}"
    if context.runner.which("ss"):
        argv = ["ss", "-Hltnp", f"sport = :{port}"]
        with contextlib.suppress(KbootstrapError):  # without `ss` the process stays unknown
            result = await context.runner.run(argv, deadline=_ASK, check=False)
            if found := re.search(r'\(\("([^"]+)",pid=(\d+)', result.stdout):
                return f" by {found[1]} (process {found[2]})"
    return ""


def _holder(labels: Mapping[str, str]) -> str:
    if SPEC not in labels:
        return "something else"
    place = f" ({labels[OWNER]})" if OWNER in labels else ""
    return f"cluster {labels.get(CLUSTER)} of spec {labels[SPEC]}{place}"
