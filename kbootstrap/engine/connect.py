"""Connections to a cluster's machines, and the cluster's lease on its servers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import Context
from kbootstrap.hosts.model import Host
from kbootstrap.spec.model import Spec
from kbootstrap.spec.references import Reader

if TYPE_CHECKING:  # asyncssh is for when a connection is made
    from kbootstrap.hosts.ssh import SshConnector


CONNECT = 90.0
"""Seconds in which every machine must answer SSH; a container needs 2, a cloud's machine up to a minute."""

QUICK_TIMEOUT = 15.0
"""Seconds for commands that only look: they show what does not answer instead of waiting for it."""


def settings(spec: Spec, run: Runtime) -> Reader:
    """Return the reader of the references in `snapshots:` of the spec."""
    return Reader(spec.path.parent, run.env, "snapshots", "KB0871")


def agents_of(context: Context) -> frozenset[str]:
    """Return the nodes that hold no lease; nodes outside the spec may be servers, which hold it."""
    return frozenset(node.name for node in context.nodes if node.role == "agent")


async def take_lease(context: Context, hosts: Mapping[str, Host], stack: AsyncExitStack) -> dict[str, Host]:
    """Take the cluster's lease on its servers; return the hosts, which refuse commands without it."""
    agents = agents_of(context)
    await context.lease.take({name: host for name, host in hosts.items() if name not in agents})
    stack.push_async_callback(context.lease.release)
    return {name: context.lease.guard(host) for name, host in hosts.items()}


async def lock(context: Context, outputs: Mapping[str, Any], stack: AsyncExitStack) -> None:
    """Take the cluster's lease on the servers that answer, unless this run already holds it.

    For changes that begin before every node is observed: a machine is missing, or all are to be removed.
    """
    if context.lease.is_held or not outputs.get("kbootstrap"):
        return
    from kbootstrap.hosts.pool import reach_all

    try:
        inventory = await context.provider.inventory(context.provider_context, outputs, starting=False)
    except KbootstrapError:
        return  # nothing is known of the machines; the step that needs them reports why
    agents = agents_of(context)
    machines = [one for name, one in inventory.machines.items() if name not in agents]
    reached = await stack.enter_async_context(reach_all(connector(context), machines, deadline=QUICK_TIMEOUT))
    await take_lease(context, reached.hosts, stack)


def connector(context: Context) -> SshConnector:
    """Return the connector for the cluster's machines, with the cluster's pinned host keys."""
    from kbootstrap.hosts.known_hosts import KnownHosts
    from kbootstrap.hosts.ssh import SshConnector

    run, pins = context.runtime, KnownHosts(context.space.known_hosts)
    return SshConnector(pins, run.redactor, run.emit, cluster=context.cluster.name, env=run.env)
