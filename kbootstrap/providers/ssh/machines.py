"""The machines that a spec lists: their outputs and their connections."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.hosts.ssh_config import HostQuery, SshConfig, usual_files
from kbootstrap.inventory.certificate import certificate_names
from kbootstrap.inventory.model import Endpoint, Inventory, Machine, SshTarget
from kbootstrap.providers.cloud.keys import named_identity
from kbootstrap.providers.context import ClusterDefinition, ProviderContext
from kbootstrap.providers.ssh.keys import Trust, unknown
from kbootstrap.spec.model import HostSpec
from kbootstrap.spec.topology import endpoint_address

USER = "root"
"""The user if neither the spec nor the OpenSSH configuration sets one."""
API_PORT = 6443
"""Port of the Kubernetes API (docs.k3s.io and docs.rke2.io, "Requirements")."""


def outputs(definition: ClusterDefinition) -> Mapping[str, Any]:
    """Return the output contract (`schemas/output.json`). A machine is identified by its address."""
    cluster = definition.cluster
    endpoint = {"host": str(endpoint_address(cluster)), "port": API_PORT}
    hosts = {host.name: host for pool in (cluster.control_plane, *cluster.pools) for host in pool.hosts}
    return {
        "kbootstrap": {
            "spec": definition.spec.name,
            "cluster": cluster.name,
            "endpoint": {"internal": endpoint, "external": endpoint},
            "nodes": {
                node.name: {
                    "role": node.role,
                    "pool": node.pool,
                    "address": str(node.address),
                    "instance": str(node.address),
                    **_ssh(hosts[node.name]),
                }
                for node in definition.nodes
            },
        }
    }


def _ssh(host: HostSpec) -> Mapping[str, Any]:
    named = {"host": host.ssh_host, "port": host.port}
    found = {key: value for key, value in named.items() if value is not None}
    return {"ssh": found} if found else {}


async def inventory(
    context: ProviderContext, contract: Mapping[str, Any], tolerate_missing: Collection[str] = ()
) -> Inventory:
    """Return the connections to the machines, without connecting to them.

    Raises `PrerequisiteMissing` if `known_hosts` of the spec lacks a machine. A machine in
    `tolerate_missing` is reported as absent instead.
    """
    cluster = context.cluster
    settings = cluster.provider.settings
    user, port = cluster.ssh.user or "", cluster.ssh.port or 0
    key = named_identity(context)
    identities = (key,) if key else ()
    config = SshConfig(
        context.runner, usual_files(context.env) if settings["openssh_config"] else (), context.env
    )
    trust = Trust(context)

    bastion = settings.get("bastion")
    jump = None
    if bastion is not None:
        login, alias = bastion.get("user") or user, f"{cluster.name}-bastion"
        wanted = HostQuery(alias, bastion["host"], bastion.get("port", 0), login, USER, identities)
        jump = trust.known(await config.target(wanted), bastion["host"])

    async def reach(name: str, node: Mapping[str, Any]) -> SshTarget:
        own, direct = node.get("ssh", {}), bastion is not None and node["address"] == bastion["host"]
        host, through = own.get("host", node["address"]), None if direct else jump
        wanted = HostQuery(name, host, own.get("port", port), user, USER, identities, through)
        return trust.known(await config.target(wanted), node["address"])

    nodes: Mapping[str, Mapping[str, Any]] = contract["nodes"]
    targets = await asyncio.gather(*(reach(name, node) for name, node in nodes.items()))
    machines: dict[str, Machine] = {}
    absent: dict[str, KbootstrapError] = {}
    missing: list[str] = []
    for name, ssh in zip(nodes, targets, strict=True):
        *bastions, own = [*trust.lacking(ssh)] or [""]
        missing += bastions
        if own and name in tolerate_missing and own.startswith(f"{name} ("):
            absent[name] = unknown([own])
            continue
        missing += [own] if own else []
        machines[name] = Machine(name, nodes[name]["address"], ssh, ssh.instance, ssh.host_keys)
    if missing:
        raise unknown(list(dict.fromkeys(missing)))
    endpoint = Endpoint(**contract["endpoint"]["external"])
    return Inventory(
        cluster.name,
        machines,
        Endpoint(**contract["endpoint"]["internal"]),
        endpoint,
        certificate_names(cluster),
        absent,
        jump=jump if _private(endpoint.host) else None,
    )


def _private(host: str) -> bool:
    """Return whether this is a private IPv4 address."""
    try:
        return IPv4Address(host).is_private
    except AddressValueError:
        return False
