"""Reboots the machine of a node, and connects to it again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from typing import Any

from kbootstrap.cluster.converge import upkeep
from kbootstrap.cluster.deadlines import POLL, REBOOT
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import DeadlinePassed, HostKeyChanged, HostUnreachable, KbootstrapError
from kbootstrap.engine import connect
from kbootstrap.engine.context import Context
from kbootstrap.hosts.model import Host
from kbootstrap.inventory.model import Inventory

_TRY = 15.0
"""Seconds for one attempt: a provider may find its machine at another port afterwards."""


async def reboot(
    context: Context,
    outputs: Mapping[str, Any],
    host: Host,
    stack: AsyncExitStack,
    waiting: Callable[[str], None],
) -> Host:
    """Reboot a machine and return a new connection to it, which lives as long as `stack`.

    The cluster's lease lies in /run: a server that holds it holds it again afterwards. Raises
    `DeadlinePassed` (KB0868) when the machine does not come back, and `Locked` if another run was faster.
    """
    earlier = await upkeep.look(host, updates=False)
    with contextlib.suppress(HostUnreachable):  # the connection may break before the answer
        await upkeep.reboot(host)
    found = await _again(context, outputs, host.name, earlier.boot, waiting)
    stack.push_async_callback(found.close)
    if host.name not in connect.agents_of(context):
        await context.lease.again(found)
    return context.lease.guard(found)


async def reconnect(
    context: Context, inventory: Inventory, through: str, names: Collection[str], stack: AsyncExitStack
) -> dict[str, Host]:
    """Return new connections to those machines that are reached through one that has started again.

    Their connections ended with it, and the lease could not be renewed on those that hold it.
    """
    from kbootstrap.hosts.pool import connect_all

    machines = [inventory.machines[name] for name in names if name in inventory.machines]
    behind = [one for one in machines if one.ssh.jump and one.ssh.jump.key_alias == through]
    found = await stack.enter_async_context(
        connect_all(connect.connector(context), behind, deadline=connect.CONNECT)
    )
    agents = connect.agents_of(context)
    await run_all(context.lease.again(host) for name, host in found.items() if name not in agents)
    return {name: context.lease.guard(host) for name, host in found.items()}


async def _again(
    context: Context,
    outputs: Mapping[str, Any],
    name: str,
    boot: str,
    waiting: Callable[[str], None],
) -> Host:
    """Return a connection to the machine once it has started again."""
    begun, why = time.monotonic(), "it still runs"
    while time.monotonic() - begun < REBOOT:
        waiting(why)
        try:
            inventory = await context.provider.inventory(context.provider_context, outputs)
            host = await connect.connector(context).connect(inventory.machines[name], deadline=_TRY)
        except HostKeyChanged:
            raise
        except KbootstrapError as error:  # logins are refused too while a machine stops and starts
            why = error.message
            await asyncio.sleep(POLL)
            continue
        try:
            if (await upkeep.look(host, updates=False)).boot != boot:
                return host
            why = "it has not stopped yet"
        except KbootstrapError as error:
            why = error.message
        await host.close()
        await asyncio.sleep(POLL)
    raise DeadlinePassed(
        f"{name} did not come back within {REBOOT:.0f} s after its reboot: {why}",
        hint="look at the console of the machine; its node stays cordoned. When it answers, run the same "
        "command again: it goes on there",
        code="KB0868",
        host=name,
    )
