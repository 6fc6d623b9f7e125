"""The election of the one server that acts, by a Lease in `kube-system`.

A server leads for `LEADS` seconds after its last renewal, and another one takes over only after it has seen
no renewal for `TAKES`. Both measure on their own monotonic clock, so differences between clocks do not
matter. Creating machines is safe beyond that: a new leader finds in the infrastructure's list what the old
one had begun.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from kbootstrap.autoscaler.kube import LEASE_SECONDS
from kbootstrap.autoscaler.ports import KubernetesCalls, LeaderLease
from kbootstrap.core.errors import KbootstrapError

TAKES = float(LEASE_SECONDS)
LEADS = 10.0
RENEW = 3.0


class Election:
    """Takes, keeps and releases the Lease. `identity` begins with the node's name and `_`.

    So that `apply`, which removes a node, can release the Lease of a server on it (`Api.release_leases`).
    `report` gets each problem once: why this server does not lead.
    """

    def __init__(
        self,
        kubernetes: KubernetesCalls,
        identity: str,
        clock: Callable[[], float] = time.monotonic,
        report: Callable[[str], None] = lambda _problem: None,
    ) -> None:
        self._kubernetes, self._identity, self._clock = kubernetes, identity, clock
        self._report = report
        self._seen, self._since = LeaderLease(), clock()
        self._renewed: float | None = None
        self.problem = ""
        """Why the last attempt failed; empty if it did not."""

    def leading(self) -> bool:
        """Return whether this server leads at this moment."""
        return self._renewed is not None and self._clock() - self._renewed < LEADS

    async def acquire(self) -> None:
        """Return when this server leads."""
        while True:
            if await self._attempt():
                return
            await asyncio.sleep(RENEW)

    async def keep(self) -> None:
        """Renew the Lease; return when this server no longer leads."""
        while self.leading():
            await asyncio.sleep(RENEW)
            await self._attempt()

    async def release(self) -> None:
        """Let another server take over at once; it would do so by itself after a while."""
        held, self._renewed = self._renewed is not None, None
        if not held:
            return
        try:
            lease = await self._kubernetes.lease()
            if lease.holder == self._identity:
                await self._kubernetes.put_lease(replace(lease, holder=""))
        except KbootstrapError as error:
            self.problem = error.message

    async def _attempt(self) -> bool:
        """Take or renew the Lease if that is allowed; return whether this server leads."""
        begun = self._clock()
        try:
            lease = await self._kubernetes.lease()
            if lease != self._seen:
                self._seen, self._since = lease, begun
            if not may_take(lease, self._identity, begun - self._since):
                self._renewed = None
                self._failed(f"{lease.holder} leads")
                return False
            changed = lease.holder != self._identity
            wanted = replace(lease, holder=self._identity, changes=lease.changes + changed)
            if await self._kubernetes.put_lease(wanted):
                self._renewed, self.problem = begun, ""
        except KbootstrapError as error:
            self._failed(
                f"{error.message}: {error.detail.splitlines()[0]}" if error.detail else error.message
            )
        return self.leading()

    def _failed(self, problem: str) -> None:
        if problem != self.problem:
            self._report(problem)
        self.problem = problem


def may_take(lease: LeaderLease, identity: str, unchanged: float) -> bool:
    """Return whether a server may take a Lease that has not changed for some seconds. Pure."""
    return lease.holder in {"", identity} or unchanged >= TAKES
