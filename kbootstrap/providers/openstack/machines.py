"""The machines of a cluster as the cloud has them: how to reach them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from kbootstrap.core.errors import HostUnreachable, KbootstrapError
from kbootstrap.hosts.known_hosts import KnownHosts
from kbootstrap.inventory.certificate import certificate_names
from kbootstrap.inventory.model import Endpoint, Inventory, Machine, SshTarget
from kbootstrap.providers.cloud.keys import named_identity
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack.connection import Cloud
from kbootstrap.providers.openstack.hostkeys import known_from_console
from kbootstrap.providers.openstack.names import bastion_name, marked
from kbootstrap.providers.openstack.power import start
from kbootstrap.providers.openstack.servers import GONE, states
from kbootstrap.providers.openstack.settings import ssh_user
from kbootstrap.spec.model import Cluster

if TYPE_CHECKING:
    from openstack.connection import Connection

SSH_PORT = 22
_RUNNING = frozenset({"ACTIVE"})
_COMING = frozenset({"BUILD", "REBOOT", "HARD_REBOOT", "PASSWORD", "MIGRATING", "RESIZE", "VERIFY_RESIZE"})
"""States in which a machine runs, or will by itself (Compute API, "Servers", server status)."""


async def inventory(
    cloud: Cloud,
    context: ProviderContext,
    outputs: Mapping[str, Any],
    *,
    starting: bool = True,
    tolerate_missing: Collection[str] = (),
) -> Inventory:
    """Return how to reach the machines; starts those that are shut off.

    Raises `HostUnreachable` for a machine that is gone or broken. Without `starting` nothing is changed, and
    such machines are in `absent`, as those of `tolerate_missing` always are.
    """
    made, cluster = outputs["kbootstrap"], context.cluster
    nodes: Mapping[str, Any] = made["nodes"]
    bastion: Mapping[str, Any] | None = made.get("bastion")
    wanted = {node["instance"]: name for name, node in nodes.items()}
    alone = bastion is not None and bastion["instance"] not in wanted
    if bastion and alone:
        wanted[bastion["instance"]] = bastion_name(cluster)
    seen = await states(cloud, wanted)
    stopped = {
        one: name for one, name in wanted.items() if seen.get(one) in {"SHUTOFF", "PAUSED", "SUSPENDED"}
    }
    if starting and (needed := {one: name for one, name in stopped.items() if name not in tolerate_missing}):
        await start(cloud, needed, context)
        seen = await states(cloud, wanted)
    absent: dict[str, KbootstrapError] = {
        name: error for one, name in wanted.items() if (error := _missing(name, seen.get(one)))
    }
    if starting and (missing := [error for name, error in absent.items() if name not in tolerate_missing]):
        raise missing[0]
    there = {one: name for one, name in wanted.items() if name not in absent}
    keys = await known_from_console(
        cloud, there, KnownHosts(context.space.known_hosts), context, wait=starting
    )
    identity = named_identity(context)
    identities = (identity,) if identity else ()
    user = ssh_user(cluster)
    jump = None
    if bastion:
        alias = wanted[bastion["instance"]]
        one = bastion["instance"]
        jump = SshTarget(
            alias,
            bastion["address"],
            SSH_PORT,
            bastion["user"],
            identities,
            instance=one,
            host_keys=keys.get(one, ()),
        )

    def machine(name: str, node: Mapping[str, Any]) -> Machine:
        one = node["instance"]
        # SSH from outside is let in at the first server only where that is the bastion (module `security`).
        public = node.get("public_address") if jump and not alone else None
        through = None if public else jump
        target = SshTarget(name, public or node["address"], SSH_PORT, user, identities, through)
        return Machine(name, node["address"], target, one, keys.get(one, ()), volumes=node.get("volumes", {}))

    found = {name: machine(name, node) for name, node in nodes.items() if name not in absent}
    return Inventory(
        cluster.name,
        found,
        Endpoint(**made["endpoint"]["internal"]),
        _external(cluster, made["endpoint"]),
        certificate_names(cluster),
        {name: error for name, error in absent.items() if name in nodes},
    )


async def faults(cloud: Cloud, context: ProviderContext) -> dict[str, str]:
    """Return the fault of every machine in the state ERROR, by name. Only asked alone a machine tells it."""

    def broken(sdk: Connection) -> dict[str, str]:
        found = [
            s
            for s in sdk.compute.servers(status="ERROR")
            if marked(context.spec, context.cluster, s.metadata)
        ]
        told = {server.name: sdk.compute.get_server(server.id).fault or {} for server in found}
        return {name: str(fault["message"]) for name, fault in told.items() if fault.get("message")}

    return await cloud.ask("say what is wrong with machines", broken)


def _missing(name: str, state: str | None) -> HostUnreachable | None:
    """Return why a machine in this state cannot be reached; None for one that runs, or soon will."""
    if state is not None and state in _RUNNING | _COMING:
        return None
    if state in GONE | {None}:
        return HostUnreachable(
            f"the machine {name} is gone from the cloud",
            hint="`kbootstrap plan` shows what would be made again",
            host=name,
            code="KB1130",
        )
    if state == "ERROR":
        return HostUnreachable(
            f"the machine {name} is broken: the cloud shows it as ERROR",
            hint=f"`openstack server show {name}` tells the fault; delete the machine to have it made again",
            host=name,
            code="KB1131",
        )
    return HostUnreachable(
        f"the machine {name} does not run: the cloud shows it as {state}",
        hint=f"`kbootstrap apply` starts one that is shut off; else `openstack server show {name}` says more",
        host=name,
        code="KB1132",
    )


def _external(cluster: Cluster, told: Mapping[str, Any]) -> Endpoint:
    """Return the operators' side of the API; an address that is no part of the certificate gets its name."""
    external = Endpoint(**told["external"])
    names = certificate_names(cluster)
    internal = told["internal"]["host"]
    if external.host in names:
        return external
    return Endpoint(external.host, external.port, internal if internal in names else names[0])
