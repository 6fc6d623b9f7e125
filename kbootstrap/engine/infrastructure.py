"""The infrastructure of a cluster: its interface, and how its part of a plan is applied."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from kbootstrap.core.errors import KbootstrapError, TofuFailed
from kbootstrap.core.events import Event, Type
from kbootstrap.engine.context import Context
from kbootstrap.plans.checks import is_remainder
from kbootstrap.providers.model import OrphanPhase
from kbootstrap.render.address import node
from kbootstrap.render.provenance import Provenance
from kbootstrap.tofu.failure import with_faults
from kbootstrap.tofu.hints import lookup
from kbootstrap.tofu.plan import PlanSummary
from kbootstrap.tofu.state import State
from kbootstrap.tofu.stream import OnCreated, unheard


class Infrastructure(Protocol):
    """The infrastructure of one cluster, as the engine uses it.

    `tofu.run.Tofu` implements it with OpenTofu, and describes each method. For existing machines, for which
    OpenTofu does not run, `existing_machines.ExistingInfrastructure` implements it.
    """

    @property
    def root(self) -> Path:
        """The cluster's root folder."""

    @property
    def planfile(self) -> Path:
        """The file of the current plan, in the root folder."""

    @property
    def provenance(self) -> Provenance:
        """Maps resource addresses to locations in the spec."""

    async def state(self) -> State:
        """Return the state as it is now."""

    async def plan(
        self, out: Path, *, replace: Sequence[str] = (), targets: Sequence[str] = (), frozen: str = ""
    ) -> PlanSummary:
        """Create a plan, save it at `out`, and return a summary of its changes."""

    async def show_plan(self, planfile: Path) -> Mapping[str, Any]:
        """Return a saved plan."""

    async def apply(self, planfile: Path, on_created: OnCreated = unheard) -> None:
        """Apply a saved plan; `on_created` is called with each resource as soon as it is created."""

    async def destroy(self) -> None:
        """Destroy all resources in the state."""

    async def state_remove(self, addresses: Sequence[str]) -> None:
        """Remove resources from the state, without destroying them."""

    async def untaint(self, address: str) -> None:
        """Untaint a resource, so that it is not replaced."""

    async def state_write(self, text: str) -> None:
        """Replace the state."""


async def carry_out(
    context: Context, tofu: Infrastructure, planned: PlanSummary, on_created: OnCreated = unheard
) -> None:
    """Apply the plan in `tofu.planfile`; `planned` is its content.

    If machines failed only because they were created at the same time, the remaining changes are retried
    once. A failure is reported with the infrastructure's own message. Raises if the cluster's lock was lost.
    `on_created` is that of `Infrastructure.apply`; a machine that failed is not among those, and no other one
    is replaced.
    """
    hints = context.provider.traits.hints
    context.lease.verify()
    if planned.of("create", "replace"):
        await remove_orphans(context, tofu)
    try:
        await tofu.apply(tofu.planfile, on_created)
    except TofuFailed as error:
        faults = await _faults(context)
        if not faults:
            raise
        passing = all(lookup(words, hints).passing for words in faults.values())
        if not (passing and is_remainder(planned, await tofu.plan(tofu.planfile))):
            raise with_faults(error, faults, hints) from error
    else:
        return
    for name, words in faults.items():
        context.runtime.emit(
            Event(
                type=Type.DIAGNOSTIC,
                cluster=context.cluster.name,
                node=name,
                detail=f"created again, after: {words}",
            )
        )
    try:
        await tofu.apply(tofu.planfile, on_created)
    except TofuFailed as error:
        raise with_faults(error, await _faults(context), hints) from error


async def freeze_override(context: Context, tofu: Infrastructure, names: Collection[str]) -> str:
    """Return HCL that keeps the machines of nodes as the plan in `tofu.planfile` found them.

    So a change of a whole pool reaches one node at a time. Targets alone are not sufficient: OpenTofu also
    includes the dependencies of a target, with all their instances. Empty if no machine needs this.
    """
    freeze = context.provider.in_place_freeze
    if not names or freeze is None:
        return ""
    shown, traits = await tofu.show_plan(tofu.planfile), context.provider.traits.resources
    found = {
        name: item["change"].get("before") or {}
        for item in shown.get("resource_changes", ())
        if traits.is_machine(item["address"])
        and (name := node(item["address"], context.cluster.name)) in names
        and name is not None
    }
    return freeze.freeze(context.provider_context, found)


async def remove_orphans(context: Context, tofu: Infrastructure) -> None:
    """Remove resources of an interrupted run that the state does not contain."""
    # Not the state that the plan saw: that may have been an hour ago, and other runs create resources too.
    known = (await tofu.state()).ids
    await context.provider.remove_orphans(context.provider_context, OrphanPhase.BEFORE_CREATE, known=known)


async def _faults(context: Context) -> Mapping[str, str]:
    """Return the errors of failed machines, by node; empty if the infrastructure does not answer."""
    with contextlib.suppress(KbootstrapError):  # the failure that is known matters more
        found = await context.provider.inspect(context.provider_context, faults=True)
        return {name: state.fault for name, state in found.items() if state.fault}
    return {}
