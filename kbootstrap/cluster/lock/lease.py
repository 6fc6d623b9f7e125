"""The lock of a cluster across operators' machines: a lease that its servers hold.

A run takes it on all servers that it reaches, in the order of their names, and renews it while it works. Runs
that reach any server in common meet there, and the second learns who was first. It lies in /run, so that it
works without an API, without quorum and on a full disk; decision 0039 has the reasons.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from kbootstrap.cluster.lock.holder import Holder, Process, read
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import DeadlinePassed, HostUnreachable, InstallFailed, KbootstrapError, Locked
from kbootstrap.core.events import Emit, Event, Type, nowhere
from kbootstrap.hosts.model import Host, Output, Transferred
from kbootstrap.hosts.script import shell_script

TTL = 120
"""Seconds without renewal after which a lease counts no more."""
EVERY = 10.0
"""Seconds between two renewals."""
_MARGIN = 20.0
"""Seconds before its end in which the holder takes it for lost: clocks of machines run differently fast."""
_LATE = 3.0
"""Seconds that a renewal may be late."""
_DEADLINE = 20.0
"""For one look at a lease; the script waits at most 10 s for another one."""
_GIVING_BACK = 5.0
_END = "end"
"""The line after the fields that the script gets; it writes nothing without it."""
_HELD = 3
"""Exit status of the script: another run has the lease."""


class Lease:
    """The lease of one cluster, as one run sees it."""

    def __init__(self, cluster: str, emit: Emit = nowhere, *, me: Holder | None = None) -> None:
        self._cluster, self._emit = cluster, emit
        self._me = me or Holder.me()
        self._hosts: dict[str, Host] = {}
        self._renewed: dict[str, float] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._lost: Holder | None = None
        self.forced = False
        """Whether it may be taken from its present holder."""

    @property
    def is_held(self) -> bool:
        """Whether this run holds the lease."""
        return bool(self._hosts)

    async def take(self, servers: Mapping[str, Host]) -> None:
        """Take the lease on these servers, in addition to those already held; it is renewed from now on.

        Raises `Locked` (KB0860) with its holder, after giving back what was taken; `InstallFailed` (KB0862)
        where a server cannot keep one; as `Host.run` where a server does not answer.
        """
        if not servers:
            return
        self.verify()
        before, own = dict(self._hosts), dict(sorted(servers.items()))
        try:
            # The first one decides between runs that reach the same servers.
            for some in (list(own)[:1], list(own)[1:]):
                await run_all(self._take(own[name]) for name in some)
        except BaseException:
            if not before:
                await asyncio.shield(self._give_back(own))
                self._renewed.clear()
            raise
        self._hosts = own
        self._renewed = {name: self._renewed[name] for name in own}
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())

    async def again(self, server: Host) -> None:
        """Hold the lease on a server whose machine has started again, over a new connection.

        It was lost with /run. Raises as `take`. Of a single server, this is the first renewal since then.
        """
        await self._take(server)
        self._hosts[server.name] = server

    async def release(self) -> None:
        """Release the lease on the servers that answer; never raises."""
        hosts = self._hosts
        self.forget()
        if hosts and not self._lost:
            await self._give_back(hosts)

    def leave(self, name: str) -> None:
        """Stop holding the lease on this server, which has left the cluster, unless it is the last one."""
        if name in self._hosts and len(self._hosts) > 1:
            del self._hosts[name]
            self._renewed.pop(name, None)

    def forget(self) -> None:
        """Stop holding the lease without releasing it: the machines no longer exist."""
        if self._renewing:
            self._renewing.cancel()
            self._renewing = None
        self._hosts, self._renewed = {}, {}

    def verify(self) -> None:
        """Raise `Locked` (KB0861) if the lease was taken from this run, or was not renewed in time."""
        if self._lost:
            raise Locked(
                f"the lock of cluster {self._cluster} was taken from this run by {self._lost.who}",
                hint="nothing more was changed; ask them, and run the same command again afterwards",
                code="KB0861",
            )
        if self._age() > TTL - _MARGIN:
            raise Locked(
                f"the lock of cluster {self._cluster} could not be renewed in time: its servers did not "
                "answer, or this machine was suspended",
                hint="nothing more was changed; run the same command again",
                code="KB0861",
            )

    async def confirm(self) -> None:
        """Raise as `verify`; ask the servers first if the last answer is old (this process was suspended)."""
        if not self._lost and self._age() > EVERY + _LATE:
            await self._keep_all()
        self.verify()

    @contextlib.asynccontextmanager
    async def held_throughout(self) -> AsyncIterator[None]:
        """Confirm the lease before a command, and again where the host did not answer in time.

        This process may have been suspended meanwhile. That another run has the lease is then the better
        explanation.
        """
        await self.confirm()
        try:
            yield
        except (DeadlinePassed, HostUnreachable):
            await self.confirm()
            raise

    def guard(self, host: Host) -> Host:
        """Return the host, wrapped so that it refuses commands once the lease is lost."""
        return _Guarded(host, self)

    async def _take(self, host: Host) -> None:
        output = await self._run(host, "take")
        if output.status == _HELD:
            holder = _holder(output)
            if not (self.forced or holder.ended()):
                raise _locked(self._cluster, holder)
            self._report(host.name, holder)
            output = await self._run(host, "take", over=holder.id)
            if output.status == _HELD:  # a third one was faster
                raise _locked(self._cluster, _holder(output))
        if output.status != 0:
            raise InstallFailed(
                f"{host.name} cannot keep the lock of the cluster",
                hint=f"look whether /run can be written there: kbootstrap ssh {host.name} -- df -h /run",
                detail=output.tail or None,
                code="KB0862",
                host=host.name,
            )

    async def _renew(self) -> None:
        while not self._lost:
            await asyncio.sleep(EVERY)
            await self._keep_all()

    async def _keep_all(self) -> None:
        await asyncio.gather(*(self._keep(host) for host in list(self._hosts.values())))

    def _age(self) -> float:
        """Return the seconds since a majority of the servers last confirmed the lease."""
        seen = sorted(self._renewed.values(), reverse=True)
        return _now() - seen[len(seen) // 2] if seen else 0.0

    async def _keep(self, host: Host) -> None:
        with contextlib.suppress(KbootstrapError):  # a server that restarts; `verify` knows for how long
            output = await self._run(host, "keep")
            if output.status == _HELD and self._hosts.get(host.name) is host:
                self._lost = _holder(output)

    async def _give_back(self, hosts: Mapping[str, Host]) -> None:
        async def one(host: Host) -> None:
            with contextlib.suppress(KbootstrapError):
                await self._run(host, "release", deadline=_GIVING_BACK)

        await asyncio.gather(*map(one, hosts.values()))

    async def _run(self, host: Host, act: str, *, over: str = "", deadline: float = _DEADLINE) -> Output:
        begun = _now()
        text = script(act, self._me.id, over)
        fields = f"{self._me.fields()}{_END}\n".encode()
        output = await host.run(text, deadline=deadline, stdin=fields, check=False)
        if output.status == 0 and act != "release":
            self._renewed[host.name] = begun
        return output

    def _report(self, node: str, holder: Holder) -> None:
        why = "which was broken" if self.forced else "which has ended"
        detail = f"took the cluster's lock over from {holder.who}, {why}"
        self._emit(Event(type=Type.DIAGNOSTIC, cluster=self._cluster, node=node, detail=detail))


def script(act: str, own: str, over: str = "") -> str:
    """Return the script that takes, keeps or releases the lease on one server."""
    values = {"act": act, "own": own, "over": over, "ttl": str(TTL), "taken": "", "since": ""}
    return shell_script(__package__, "lease.sh", **values)


class _Guarded:
    """A host behind a lease."""

    def __init__(self, host: Host, lease: Lease) -> None:
        self.name, self._host, self._lease = host.name, host, lease

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        async with self._lease.held_throughout():
            return await self._host.run(command, deadline=deadline, stdin=stdin, check=check)

    async def put(
        self,
        content: bytes | Path,
        destination: str,
        *,
        mode: int,
        deadline: float,
        progress: Transferred | None = None,
    ) -> None:
        async with self._lease.held_throughout():
            await self._host.put(content, destination, mode=mode, deadline=deadline, progress=progress)

    async def close(self) -> None:
        await self._host.close()


def _holder(output: Output) -> Holder:
    return read(output.stdout) or Holder("", "", "", Process(0))


def _locked(cluster: str, holder: Holder) -> Locked:
    return Locked(
        f"cluster {cluster} is being changed by {holder.who} (renewed {holder.age} s ago)",
        hint=f"wait until that run has ended. The lock of a killed run expires {TTL} s after its last "
        f"renewal; to break it at once: --force-unlock {cluster}",
        code="KB0860",
    )


def _now() -> float:
    """Monotonic seconds, including suspend if the system supports that."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
