"""Opens SSH connections: retries while machines boot, always verifies host keys, supports bastions."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kbootstrap.core.errors import CredentialsRefused, DeadlinePassed, HostUnreachable
from kbootstrap.core.events import Emit, Event, Status, Type, nowhere
from kbootstrap.core.pauses import growing
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts import failures, pinning
from kbootstrap.hosts.attempt import TryAgain, WrongKey, where
from kbootstrap.hosts.known_hosts import KnownHosts
from kbootstrap.inventory.model import Endpoint, Machine, SshTarget

if TYPE_CHECKING:  # asyncssh takes 0.2 s to import, so it is imported only when a connection is opened
    import asyncssh

    from kbootstrap.hosts.bastion import TunnelLease, Tunnels
    from kbootstrap.hosts.session import SshHost

_ATTEMPT = 15.0
"""Seconds for one connection attempt, including login; a busy single-core machine needs up to 3."""
_ATTEMPT_BEHIND = 6.0
"""Seconds for one attempt through a bastion: attempts are limited, and dead hosts must not block others."""
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 3.0
"""Seconds between two attempts; the pause grows from the first value to the second."""
STEP = "connect"


class SshConnector:
    """Connects to machines; see `kbootstrap.hosts.model.Connector`.

    `known_hosts` is the file of pinned keys. SSH_AUTH_SOCK and HOME are read from `env` (None: this process's
    environment). `attempt` is the timeout of one connection attempt in seconds.
    Events: `step` events named "connect", waiting with the cause, then done; "host key" when a key is pinned.
    """

    def __init__(
        self,
        known_hosts: KnownHosts,
        redactor: Redactor,
        emit: Emit = nowhere,
        *,
        cluster: str | None = None,
        env: Mapping[str, str] | None = None,
        attempt: float = _ATTEMPT,
    ) -> None:
        self._known_hosts = known_hosts
        self._redactor = redactor
        self._emit = emit
        self._cluster = cluster
        self._env = dict(os.environ if env is None else env)
        self._attempt = attempt
        self._pins = asyncio.Lock()
        self._tunnels: Tunnels | None = None

    async def connect(self, machine: Machine, *, deadline: float) -> SshHost:
        """Connect; see `Connector.connect`. Machines behind the same bastion share the connection to it."""
        from kbootstrap.hosts.bastion import Tunnels

        if self._tunnels is None:
            self._tunnels = Tunnels(self._open_bastion)
        lease = self._tunnels.lease(machine.ssh.jump) if machine.ssh.jump else None
        try:
            return await self._until(machine, lease, deadline)
        except BaseException:
            if lease:
                await asyncio.shield(lease.release())
            raise

    @asynccontextmanager
    async def reach_endpoint(self, endpoint: Endpoint, jump: SshTarget | None) -> AsyncIterator[Endpoint]:
        """Yield an endpoint that is reachable from this machine; without `jump` it is `endpoint` itself.

        With `jump` it is a port of the loopback address, forwarded through the bastion until the context
        ends. Raises `HostUnreachable`.
        """
        from kbootstrap.hosts.bastion import Tunnels

        if jump is None:
            yield endpoint
            return
        self._tunnels = self._tunnels or Tunnels(self._open_bastion)
        lease = self._tunnels.lease(jump)
        try:
            try:
                connection = await lease.connection()
                listener = await connection.forward_local_port("127.0.0.1", 0, endpoint.host, endpoint.port)
            except (TryAgain, OSError) as error:
                raise HostUnreachable(
                    f"the Kubernetes API ({endpoint.url}) cannot be asked through the bastion "
                    f"{where(jump)}: {self._redactor.clean(str(error))}",
                    hint="is the bastion running, and does its sshd allow forwarding (AllowTcpForwarding)?",
                    code="KB0701",
                ) from error
            async with listener:
                yield Endpoint("127.0.0.1", listener.get_port(), endpoint.server_name or endpoint.host)
        finally:
            await asyncio.shield(lease.release())

    async def _until(self, machine: Machine, lease: TunnelLease | None, deadline: float) -> SshHost:
        began = time.monotonic()
        pauses = growing(_FIRST_PAUSE, _LONGEST_PAUSE)
        last: TryAgain | None = None
        while True:
            try:
                host = await self._once(machine, lease, deadline - (time.monotonic() - began))
            except TryAgain as error:
                if last is None or last.cause != error.cause:
                    self._step(machine.name, STEP, Status.WAITING, detail=error.cause)
                last = error
            else:
                self._step(machine.name, STEP, Status.DONE, seconds=time.monotonic() - began)
                return host
            pause = next(pauses)
            if deadline - (time.monotonic() - began) <= pause:
                raise HostUnreachable(
                    f"no SSH connection to {machine.name} ({where(machine.ssh)}) within {deadline:g} s: "
                    f"{self._redactor.clean(last.cause)}",
                    hint=last.hint,
                    code="KB0701",
                    host=machine.name,
                )
            await asyncio.sleep(pause)

    async def _once(self, machine: Machine, lease: TunnelLease | None, left: float) -> SshHost:
        from kbootstrap.hosts.session import SshHost

        limit = min(left, self._attempt)
        if lease is None:
            connection = await self._login(machine, None, limit)
        else:
            try:
                async with asyncio.timeout(left), lease.gate:
                    tunnel = await lease.connection()
                    connection = await self._login(machine, tunnel, min(limit, _ATTEMPT_BEHIND))
            except TimeoutError as error:
                raise TryAgain("no answer through the bastion", "is the bastion running?") from error
        host = SshHost(
            connection,
            name=machine.name,
            sudo=machine.ssh.user != "root",
            redactor=self._redactor,
            emit=self._emit,
            cluster=self._cluster,
            release=lease.release if lease else _nothing,
        )
        try:
            await self._become_root(host, machine.ssh, limit)
        except BaseException:
            connection.abort()
            raise
        return host

    async def _login(
        self, machine: Machine, tunnel: asyncssh.SSHClientConnection | None, limit: float
    ) -> asyncssh.SSHClientConnection:
        """Connect once with a verified host key, and pin a new key."""
        from kbootstrap.hosts.dial import dial
        from kbootstrap.hosts.keys import offered

        name, target = machine.name, machine.ssh
        pin = self._known_hosts.pin(target.key_alias)
        expected = pinning.expect(
            instance=machine.instance, trusted=machine.host_keys, pin=pin, authorities=target.authorities
        )
        async with offered(target, name=name, env=self._env) as offer:
            try:
                connection, shown = await dial(
                    target, name=name, expected=expected, offer=offer, tunnel=tunnel, limit=limit
                )
            except WrongKey as error:
                raise pinning.refuse(
                    expected,
                    name=name,
                    where=where(target),
                    alias=target.key_alias,
                    shown=error.shown,
                    file=self._known_hosts.path,
                    why=error.why,
                ) from error
        new = pinning.to_pin(
            expected, alias=target.key_alias, instance=machine.instance, shown=shown, pin=pin
        )
        if new is not None:
            try:
                async with self._pins:
                    await asyncio.to_thread(self._known_hosts.store, new)
            except BaseException:
                connection.abort()
                raise
            self._step(name, "host key", Status.DONE, detail=pinning.say(expected, shown))
        return connection

    async def _open_bastion(
        self, target: SshTarget, outer: asyncssh.SSHClientConnection | None
    ) -> asyncssh.SSHClientConnection:
        """Connect to a bastion once; the waiting connections retry."""
        name = f"bastion {target.key_alias}"
        machine = Machine(name, target.host, target, target.instance, target.host_keys)
        try:
            return await self._login(machine, outer, self._attempt)
        except TryAgain as error:
            raise TryAgain(f"{machine.name}: {error.cause}", error.hint) from error

    async def _become_root(self, host: SshHost, target: SshTarget, limit: float) -> None:
        """Verify that sudo needs no password; raises `CredentialsRefused`, or `TryAgain` during boot."""
        if target.user == "root":
            return
        try:
            output = await host.login(limit=limit)
        except (HostUnreachable, DeadlinePassed) as error:
            raise TryAgain("the connection ends after the login", "see the machine's console log") from error
        if output is None:
            return
        said = self._redactor.clean(output.tail)
        if output.status == 254 or "nologin" in said or "booting up" in said:
            raise TryAgain(
                "the machine is booting and does not accept logins yet", "see the machine's console log"
            )
        if output.status == 127 or "not found" in said:
            reason, hint = "sudo is not installed", "install sudo there, or log in as root (ssh.user)"
        elif "password" in said or "terminal" in said or "tty" in said:
            reason = f"sudo asks user {target.user} for a password"
            hint = (
                f"allow it without one, in /etc/sudoers.d/{target.user}: {target.user} ALL=(ALL) NOPASSWD:ALL"
            )
        elif "sudo" in said:
            reason, hint = f"user {target.user} may not become root", "check sudo on the machine"
        else:
            raise failures.not_started(host.name, "the first command", output, self._redactor)
        raise CredentialsRefused(
            f"on {host.name}, {reason}", detail=said or None, hint=hint, code="KB0706", host=host.name
        )

    def _step(
        self, name: str, step: str, status: Status, *, detail: str | None = None, seconds: float | None = None
    ) -> None:
        self._emit(
            Event(
                type=Type.STEP,
                cluster=self._cluster,
                node=name,
                step=step,
                status=status,
                detail=self._redactor.clean(detail) if detail else None,
                seconds=seconds,
            )
        )


async def _nothing() -> None:
    """Release nothing: no bastion is in use."""
