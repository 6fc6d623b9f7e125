"""The infrastructure's half of a cluster whose machines exist: nothing of it is planned, made or removed.

`destroy` gives the machines back as they came: Kubernetes is taken off all of them at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kbootstrap.cluster.converge.uninstall import uninstall
from kbootstrap.core.errors import HostKeyChanged, HostUnreachable, KbootstrapError
from kbootstrap.core.events import Event, Status, Type
from kbootstrap.engine.connect import CONNECT, connector
from kbootstrap.engine.context import Context
from kbootstrap.hosts.model import Host
from kbootstrap.render.provenance import NOWHERE, Provenance
from kbootstrap.tofu.plan import PlanSummary

STEP = "uninstall"


@dataclass(frozen=True, slots=True)
class ExistingInfrastructure:
    """Answers what `infrastructure.Infrastructure` asks, for machines that exist."""

    root: Path
    machines: Mapping[str, Any]
    give_back: Callable[[], Awaitable[None]]
    provenance: Provenance = NOWHERE

    async def outputs(self) -> Mapping[str, Any]:
        """Return the machines that the spec names."""
        return self.machines

    async def plan(
        self,
        out: Path,  # noqa: ARG002 (as `Infrastructure`)
        *,
        replace: Sequence[str] = (),  # noqa: ARG002
        targets: Sequence[str] = (),  # noqa: ARG002
        frozen: str = "",  # noqa: ARG002
    ) -> PlanSummary:
        """Return that nothing is to be done."""
        return PlanSummary((), (), ())

    async def show_plan(self, planfile: Path) -> Mapping[str, Any]:  # noqa: ARG002 (as `Infrastructure`)
        """Return a plan without changes."""
        return {}

    async def apply(self, planfile: Path) -> None:
        """Do nothing."""

    async def destroy(self) -> None:
        """Give the machines back."""
        await self.give_back()

    async def forget(self, addresses: Sequence[str]) -> None:
        """Do nothing."""

    async def untaint(self, address: str) -> None:
        """Do nothing."""

    async def state_identity(self) -> str:
        """Return a name for these machines: others under the same names are another infrastructure."""
        return hashlib.sha256(json.dumps(self.machines, sort_keys=True).encode()).hexdigest()

    async def state_text(self) -> str:
        """Return nothing."""
        return ""

    async def state_write(self, text: str) -> None:
        """Do nothing."""

    async def state_ids(self) -> frozenset[str]:
        """Return nothing."""
        return frozenset()

    async def state_list(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()


def existing_infrastructure(context: Context, machines: Mapping[str, Any]) -> ExistingInfrastructure:
    """Return the infrastructure of a cluster on these machines; its folder is made, as for every cluster."""
    context.space.root.mkdir(exist_ok=True)
    return ExistingInfrastructure(context.space.root, machines, partial(give_back, context, machines))


async def give_back(context: Context, machines: Mapping[str, Any]) -> None:
    """Take the cluster off its machines.

    Nothing is begun before all of them answer. What fails on one does not stop the others; then the first
    failure is raised.
    """
    from kbootstrap.hosts.pool import connect_all, summary

    inventory = await context.provider.inventory(context.provider_context, machines)
    try:
        async with connect_all(connector(context), inventory.machines.values(), deadline=CONNECT) as hosts:
            ended = await asyncio.gather(
                *(_take_off(context, host) for host in hosts.values()), return_exceptions=True
            )
    except HostKeyChanged:
        raise
    except HostUnreachable as error:
        lost = "if a machine is lost, remove it from the spec first"
        error.hint = f"{error.hint}; {lost}" if error.hint else lost
        raise
    failures = dict(zip(hosts, ended, strict=True))
    for failure in failures.values():
        if isinstance(failure, BaseException) and not isinstance(failure, KbootstrapError):
            raise failure
    if found := {name: one for name, one in failures.items() if isinstance(one, KbootstrapError)}:
        raise summary(found)


async def _take_off(context: Context, host: Host) -> None:
    begun, emit = time.monotonic(), context.runtime.emit

    def tell(status: Status, detail: str | None = None) -> None:
        emit(
            Event(
                type=Type.STEP,
                cluster=context.cluster.name,
                node=host.name,
                step=STEP,
                status=status,
                detail=detail,
                seconds=None if status is Status.STARTED else time.monotonic() - begun,
            )
        )

    tell(Status.STARTED)
    try:
        found = await uninstall(host, context.distribution, context.cluster.name)
    except KbootstrapError as error:
        tell(Status.FAILED, error.message)
        raise
    tell(Status.DONE, _SAID[found])


_SAID = {
    "removed": None,
    "blank": "nothing of the cluster is installed",
    "foreign": "skipped: it does not belong to this cluster",
}
