"""The machines that a spec names: their outputs, and how they are reached."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.inventory.certificate import certificate_names
from kbootstrap.inventory.model import Endpoint, Inventory, Machine, SshTarget
from kbootstrap.providers.cloud.keys import named_identity
from kbootstrap.providers.context import ClusterDefinition, ProviderContext
from kbootstrap.providers.ssh.keys import identity, known, unknown, verify
from kbootstrap.spec.topology import endpoint_address

USER = "root"
"""Who logs in where the spec names nobody."""
SSH_PORT = 22
API_PORT = 6443
"""Port of the Kubernetes API (docs.k3s.io and docs.rke2.io, "Requirements")."""


def outputs(definition: ClusterDefinition) -> Mapping[str, Any]:
    """Return the output contract (`schemas/output.json`); a machine is identified by its address alone."""
    cluster = definition.cluster
    endpoint = {"host": str(endpoint_address(cluster)), "port": API_PORT}
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
                }
                for node in definition.nodes
            },
        }
    }


def inventory(
    context: ProviderContext, made: Mapping[str, Any], tolerate_missing: Collection[str] = ()
) -> Inventory:
    """Return how to reach the machines; nothing is asked.

    Raises `PrerequisiteMissing` where `known_hosts` of the spec lacks a machine, unless it is in
    `tolerate_missing`: then it is absent.
    """
    cluster = context.cluster
    file, settings = known(context), cluster.provider.settings
    user = cluster.ssh.user or USER
    key = named_identity(context)
    identities = (key,) if key else ()
    checked: list[tuple[str, tuple[str, ...]]] = []

    def target(alias: str, host: str, port: int, who: str, jump: SshTarget | None = None) -> SshTarget:
        keys = file(host, port) if file else ()
        checked.append((f"{alias} ({host})", keys))
        return SshTarget(alias, host, port, who, identities, jump, identity(alias, host, keys, context), keys)

    bastion = settings.get("bastion")
    jump = None
    if bastion is not None:
        who = bastion.get("user") or user
        jump = target(f"{cluster.name}-bastion", bastion["host"], bastion.get("port", SSH_PORT), who)
    machines: dict[str, Machine] = {}
    absent: dict[str, KbootstrapError] = {}
    for name, node in made["nodes"].items():
        address = node["address"]
        through = None if bastion is not None and address == bastion["host"] else jump
        ssh = target(name, address, SSH_PORT, user, through)
        if file and name in tolerate_missing and not ssh.host_keys:
            absent[name] = unknown([checked.pop()[0]])
            continue
        machines[name] = Machine(name, address, ssh, ssh.instance, ssh.host_keys)
    if file:
        verify(checked)
    endpoint = Endpoint(**made["endpoint"]["external"])
    return Inventory(
        cluster.name,
        machines,
        Endpoint(**made["endpoint"]["internal"]),
        endpoint,
        certificate_names(cluster),
        absent,
        jump=jump if _private(endpoint.host) else None,
    )


def _private(host: str) -> bool:
    """Return whether this is an address that only its own network leads to."""
    try:
        return IPv4Address(host).is_private
    except AddressValueError:
        return False
