"""Connections through bastions: one connection to each bastion, shared by all hosts behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncssh

from kbootstrap.inventory.model import SshTarget

AT_ONCE = 10
"""Concurrent connection attempts through one bastion. Hosts, bastions and the networks between them limit
new connections (sshd: `MaxStartups 10:30:100`); a few at a time are not slower."""
_CLOSE_WAIT = 2.0
"""Seconds for closing a connection."""

Open = Callable[[SshTarget, asyncssh.SSHClientConnection | None], Awaitable[asyncssh.SSHClientConnection]]
"""Connects to a bastion, through the given connection to the previous bastion, if any."""


class TunnelLease:
    """Reference-counted use of a bastion, from the first attempt to reach a host until the host is closed."""

    def __init__(self, tunnels: Tunnels, target: SshTarget, opening: Open) -> None:
        self._tunnels = tunnels
        self._target = target
        self._open = opening
        self._task: asyncio.Task[asyncssh.SSHClientConnection] | None = None
        self._users = 0
        self._outer = tunnels.lease(target.jump) if target.jump else None
        self.gate = asyncio.Semaphore(AT_ONCE)

    def taken(self) -> TunnelLease:
        """Increment the number of users."""
        self._users += 1
        return self

    async def connection(self) -> asyncssh.SSHClientConnection:
        """Return the connection to the bastion; opened on first use, and reopened when it is lost."""
        if self._task is None or (self._task.done() and _unusable(self._task)):
            self._task = asyncio.create_task(self._connect())
        return await asyncio.shield(self._task)

    async def _connect(self) -> asyncssh.SSHClientConnection:
        outer = await self._outer.connection() if self._outer else None
        return await self._open(self._target, outer)

    async def release(self) -> None:
        """Decrement the number of users; the last one closes the connection."""
        self._users -= 1
        if self._users > 0:
            return
        self._tunnels.drop(self._target, self)
        task, self._task = self._task, None
        if task is not None:
            await _end(task)
        if self._outer is not None:
            await self._outer.release()


class Tunnels:
    """All bastions of one connector."""

    def __init__(self, opening: Open) -> None:
        self._open = opening
        self._leases: dict[SshTarget, TunnelLease] = {}

    def lease(self, target: SshTarget) -> TunnelLease:
        """Acquire a share of the connection to a bastion; the caller releases it."""
        if target not in self._leases:
            self._leases[target] = TunnelLease(self, target, self._open)
        return self._leases[target].taken()

    def drop(self, target: SshTarget, lease: TunnelLease) -> None:
        """Remove a lease that is no longer used."""
        if self._leases.get(target) is lease:
            del self._leases[target]


async def _end(task: asyncio.Task[asyncssh.SSHClientConnection]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if _unusable(task):
        return
    connection = task.result()
    connection.close()
    with suppress(TimeoutError, OSError, asyncssh.Error):
        async with asyncio.timeout(_CLOSE_WAIT):
            await connection.wait_closed()
    connection.abort()


def _unusable(task: asyncio.Task[asyncssh.SSHClientConnection]) -> bool:
    return task.cancelled() or task.exception() is not None or task.result().is_closed()
