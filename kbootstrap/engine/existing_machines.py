"""The infrastructure of a cluster whose machines exist: it is never planned, created or removed.

`destroy` uninstalls Kubernetes on all machines at once.
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
from kbootstrap.tofu.commands import PLAN_FILE
from kbootstrap.tofu.plan import PlanSummary
from kbootstrap.tofu.state import State
from kbootstrap.tofu.stream import OnCreated, unheard

STEP = "uninstall"


@dataclass(frozen=True, slots=True)
class ExistingInfrastructure:
    """Implements `infrastructure.Infrastructure` for existing machines."""

    root: Path
    machines: Mapping[str, Any]
    uninstall_all: Callable[[], Awaitable[None]]
    provenance: Provenance = NOWHERE

    @property
    def planfile(self) -> Path:
        """A file that never exists: there is no plan."""
        return self.root / PLAN_FILE

    async def state(self) -> State:
        """Return the machines that the spec names: others with the same names are another infrastructure."""
        identity = hashlib.sha256(json.dumps(self.machines, sort_keys=True).encode()).hexdigest()
        return State(self.machines, identity=identity)

    async def plan(
        self,
        out: Path,  # noqa: ARG002 (as `Infrastructure`)
        *,
        replace: Sequence[str] = (),  # noqa: ARG002
        targets: Sequence[str] = (),  # noqa: ARG002
        frozen: str = "",  # noqa: ARG002
    ) -> PlanSummary:
        """Return an empty plan."""
        return PlanSummary((), (), ())

    async def show_plan(self, planfile: Path) -> Mapping[str, Any]:  # noqa: ARG002 (as `Infrastructure`)
        """Return a plan without changes."""
        return {}

    async def apply(self, planfile: Path, on_created: OnCreated = unheard) -> None:
        """Do nothing."""

    async def destroy(self) -> None:
        """Uninstall Kubernetes on the machines."""
        await self.uninstall_all()

    async def state_remove(self, addresses: Sequence[str]) -> None:
        """Do nothing."""

    async def untaint(self, address: str) -> None:
        """Do nothing."""

    async def state_write(self, text: str) -> None:
        """Do nothing."""


def existing_infrastructure(context: Context, machines: Mapping[str, Any]) -> ExistingInfrastructure:
    """Return the infrastructure of a cluster on these machines, and create the cluster's folder."""
    context.space.root.mkdir(exist_ok=True)
    return ExistingInfrastructure(context.space.root, machines, partial(uninstall_all, context, machines))


async def uninstall_all(context: Context, machines: Mapping[str, Any]) -> None:
    """Uninstall Kubernetes on the machines of the cluster.

    Starts only when all machines answer. A failure on one does not stop the others; the first failure is
    raised at the end.
    """
    from kbootstrap.hosts.pool import connect_all, summary

    inventory = await context.provider.inventory(context.provider_context, machines)
    try:
        async with connect_all(connector(context), inventory.machines.values(), deadline=CONNECT) as hosts:
            ended = await asyncio.gather(
                *(_uninstall(context, host) for host in hosts.values()), return_exceptions=True
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


async def _uninstall(context: Context, host: Host) -> None:
    begun, emit = time.monotonic(), context.runtime.emit

    def report(status: Status, detail: str | None = None) -> None:
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

    report(Status.STARTED)
    try:
        found = await uninstall(host, context.distribution, context.cluster.name)
    except KbootstrapError as error:
        report(Status.FAILED, error.message)
        raise
    report(Status.DONE, _SAID[found])


_SAID = {
    "removed": None,
    "unprovisioned": "nothing of the cluster is installed",
    "foreign": "skipped: it does not belong to this cluster",
}
