"""Deletes the resources of a state through the API, before OpenTofu does (`capabilities.EarlyRemoval`).

The OpenStack provider looks 5 to 10 s after each request whether a resource is gone, and resources wait for
each other: machines, ports, subnets, network (`Delay` in its `resource_openstack_*.go`). The cloud needs a
fraction of that.

OpenTofu begins when this has ended. Its provider treats a resource that is missing when it reads as deleted,
for every type. But it fails if a load balancer vanishes between reading and deleting its members, or a
floating IP between reading and detaching it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Event, Status, Type
from kbootstrap.core.pauses import growing
from kbootstrap.providers.cloud.waiting import CancellableWait
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack.connection import Cloud
from kbootstrap.providers.openstack.deletions import (
    DELETIONS,
    FLOATING_IPS,
    INTERFACES,
    LOAD_BALANCERS,
    MACHINES,
    PORTS,
    ROUTERS,
    SECURITY_GROUPS,
    SERVER_GROUPS,
    SUBNETS,
    VOLUMES,
    Progress,
)
from kbootstrap.render.address import type_and_name

_AT_ONCE = 8
"""Requests at the same time; OpenTofu sends up to 10."""
_REFUSED = 15.0
"""Seconds for which a deletion that the cloud does not begin is requested again."""
_PATIENCE = 600.0
"""Seconds for a deletion that the cloud has begun. OpenTofu would wait as long for it, or fail: a load
balancer that is being deleted can no longer be changed."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.3, 1.0
_NETWORK = "openstack_networking_network_v2"


async def remove(cloud: Cloud, context: ProviderContext, resources: Mapping[str, str]) -> frozenset[str]:
    """Delete what can be deleted; users of a resource first. Implements `EarlyRemoval.remove`.

    Returns the addresses of machines that the cloud shows as deleted: OpenTofu's provider fails to read them
    ("Invalid power_state for instance").

    The network stays, with which `inspect` recognises that the state is of this project. Without a network of
    the cluster's own, the security groups stay.
    """
    ids: dict[str, list[str]] = {}
    for address, one in resources.items():
        ids.setdefault(type_and_name(address).partition(".")[0], []).append(one)
    removal = _Removal(cloud, context, ids)
    done = await run_all([removal.machines(), removal.routers(), removal.of(LOAD_BALANCERS)])
    if all(done):
        last = (SUBNETS, SECURITY_GROUPS) if _NETWORK in ids else (SUBNETS,)
        await run_all(map(removal.of, last))
    return frozenset(address for address, one in resources.items() if one in removal.listed)


@dataclass(frozen=True)
class _Removal:
    """The deletion of a state's resources; `ids` has those of each type.

    `listed` are the IDs of those that are deleted, but that the cloud still shows.
    """

    cloud: Cloud
    context: ProviderContext
    ids: Mapping[str, Collection[str]]
    bound: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    listed: set[str] = field(default_factory=set)

    async def machines(self) -> bool:
        """Delete machines, then what they use. Return whether they and their ports are gone."""
        if not await self.of(MACHINES):
            return False
        gone = await run_all(map(self.of, (PORTS, VOLUMES, SERVER_GROUPS)))
        return gone[0]

    async def routers(self) -> bool:
        """Delete floating IPs, which need a connected router, then the connections, then the routers."""
        return await self.of(FLOATING_IPS) and await self.of(INTERFACES) and await self.of(ROUTERS)

    async def of(self, kind: str) -> bool:
        """Delete the resources of one type; return whether all are gone."""
        ids, (name, _) = self.ids.get(kind, ()), DELETIONS[kind]
        if not ids:
            return True
        begun = time.monotonic()
        self._report(name, Status.STARTED)
        reasons = [why for why in await run_all(self._one(kind, one) for one in ids) if why is not None]
        passed = time.monotonic() - begun
        if reasons:
            self._report(name, Status.SKIPPED, passed, f"{len(reasons)} left to OpenTofu: {reasons[0]}")
        else:
            self._report(name, Status.DONE, passed)
        return not reasons

    async def _one(self, kind: str, one: str) -> str | None:
        """Delete one resource. Return None when it is gone, else why it is left to OpenTofu.

        A refusal is repeated: another resource may use this one for another moment.
        """
        (name, go), check = DELETIONS[kind], CancellableWait(self.cloud.stopped).check
        begun = time.monotonic()
        since: float | None = None
        why = f"the cloud did not delete {one}"
        pauses = growing(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            try:
                async with self.bound:
                    now = await self.cloud.ask(f"delete {name}", lambda sdk: go(sdk, one, check))
            except KbootstrapError as error:
                now, why = Progress.ASKED, error.detail or error.message
            if now is Progress.LISTED:
                self.listed.add(one)
            if now in {Progress.GONE, Progress.LISTED}:
                return None
            answered = time.monotonic()
            if since is None or now is Progress.GOING:
                since = answered
            if answered > min(since + _REFUSED, begun + _PATIENCE):
                return why
            await asyncio.sleep(next(pauses))

    def _report(
        self, name: str, status: Status, seconds: float | None = None, detail: str | None = None
    ) -> None:
        self.context.emit(
            Event(
                type=Type.STEP,
                cluster=self.context.cluster.name,
                step=f"delete {name}",
                status=status,
                seconds=seconds,
                detail=detail,
            )
        )
