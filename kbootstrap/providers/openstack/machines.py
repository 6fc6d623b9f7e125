"""The machines of a cluster as the cloud has them: how to reach them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
from kbootstrap.providers.openstack.settings import ssh_user

if TYPE_CHECKING:
    from openstack.connection import Connection

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
    made = outputs["kbootstrap"]
    wanted = instances(context.cluster, made)
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
    return build(context, made, user=ssh_user(context.cluster), absent=absent, host_keys=keys)


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
