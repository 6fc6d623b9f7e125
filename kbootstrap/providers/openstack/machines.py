"""The machines of a cluster in the cloud: connections and faults."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kbootstrap.core.errors import HostUnreachable, KbootstrapError
from kbootstrap.inventory.model import Inventory
from kbootstrap.providers.cloud.host_keys import known_from_console
from kbootstrap.providers.cloud.inventory import instances, verify
from kbootstrap.providers.cloud.inventory import inventory as build
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack.connection import Cloud
from kbootstrap.providers.openstack.consoles import console
from kbootstrap.providers.openstack.names import marked
from kbootstrap.providers.openstack.power import start
from kbootstrap.providers.openstack.servers import GONE, states
from kbootstrap.providers.openstack.settings import settings, ssh_user

if TYPE_CHECKING:
    from openstack.connection import Connection

_RUNNING = frozenset({"ACTIVE"})
_COMING = frozenset({"BUILD", "REBOOT", "HARD_REBOOT", "PASSWORD", "MIGRATING", "RESIZE", "VERIFY_RESIZE"})
"""States from which a machine becomes ACTIVE by itself (Compute API, "Servers", server status)."""


async def inventory(
    cloud: Cloud,
    context: ProviderContext,
    outputs: Mapping[str, Any],
    *,
    starting: bool = True,
    tolerate_missing: Collection[str] = (),
) -> Inventory:
    """Return the connections to the machines. Starts machines that are shut off.

    Raises `HostUnreachable` for a machine that does not exist or has failed. Without `starting` nothing is
    changed, and such machines are in `absent`. Those in `tolerate_missing` are always in `absent`.
    """
    contract = outputs["kbootstrap"]
    wanted = instances(context.cluster, contract)
    seen = await states(cloud, wanted)
    stopped = {
        one: name for one, name in wanted.items() if seen.get(one) in {"SHUTOFF", "PAUSED", "SUSPENDED"}
    }
    if starting and (needed := {i: name for i, name in stopped.items() if name not in tolerate_missing}):
        await start(cloud, needed, context)
        seen = await states(cloud, wanted)
    absent: dict[str, KbootstrapError] = {
        name: error for one, name in wanted.items() if (error := _missing(name, seen.get(one)))
    }
    if starting:
        verify(absent, tolerate_missing)
    there = {one: name for one, name in wanted.items() if name not in absent}
    keys = await known_from_console(context, there, console(cloud), wait=starting)
    found = build(context, contract, user=ssh_user(context.cluster), absent=absent, host_keys=keys)
    existing = settings(context.cluster).existing
    return replace(found, own_network=existing is None or existing.network is None)


async def faults(cloud: Cloud, context: ProviderContext) -> dict[str, str]:
    """Return the fault of each machine in the state ERROR, by name. Server lists do not have faults."""

    def broken(sdk: Connection) -> dict[str, str]:
        found = [
            s
            for s in sdk.compute.servers(status="ERROR")
            if marked(context.spec, context.cluster, s.metadata)
        ]
        details = {server.name: sdk.compute.get_server(server.id).fault or {} for server in found}
        return {name: str(fault["message"]) for name, fault in details.items() if fault.get("message")}

    return await cloud.ask("return the faults of machines", broken)


def _missing(name: str, state: str | None) -> HostUnreachable | None:
    """Return the error for a machine in this state; None if it runs or is starting."""
    if state is not None and state in _RUNNING | _COMING:
        return None
    if state in GONE | {None}:
        return HostUnreachable(
            f"the machine {name} does not exist in the cloud",
            hint="`kbootstrap plan` shows which resources would be created again",
            host=name,
            code="KB1130",
        )
    if state == "ERROR":
        return HostUnreachable(
            f"the machine {name} has failed: the cloud reports ERROR",
            hint=f"`openstack server show {name}` shows the fault; delete the machine to recreate it",
            host=name,
            code="KB1131",
        )
    return HostUnreachable(
        f"the machine {name} does not run: the cloud reports {state}",
        hint=f"`kbootstrap apply` starts a machine that is shut off; see also `openstack server show {name}`",
        host=name,
        code="KB1132",
    )
