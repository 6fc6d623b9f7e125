"""The infrastructure's half of a cluster: what is asked of it, and how its part of a plan is carried out."""

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


class Infrastructure(Protocol):
    """What the engine asks of whatever holds a cluster's machines; `tofu.run.Tofu` says more about each.

    `given.Given` answers for machines that exist.
    """

    @property
    def root(self) -> Path:
        """The cluster's folder."""

    @property
    def provenance(self) -> Provenance:
        """The way from addresses to the spec."""

    async def outputs(self) -> Mapping[str, Any]:
        """Return the outputs, empty where nothing was made."""

    async def plan(
        self, out: Path, *, replace: Sequence[str] = (), targets: Sequence[str] = (), frozen: str = ""
    ) -> PlanSummary:
        """Make a plan, keep it at `out`, and return what it would do."""

    async def show_plan(self, planfile: Path) -> Mapping[str, Any]:
        """Return a plan that was kept."""

    async def apply(self, planfile: Path) -> None:
        """Carry a plan out."""

    async def destroy(self) -> None:
        """Remove everything."""

    async def forget(self, addresses: Sequence[str]) -> None:
        """Let go of things that stay."""

    async def untaint(self, address: str) -> None:
        """Take a thing as made."""

    async def state_identity(self) -> str:
        """Return what changes with every change."""

    async def state_text(self) -> str:
        """Return the whole state, empty where there is none."""

    async def state_write(self, text: str) -> None:
        """Put a changed state in its place."""

    async def state_ids(self) -> frozenset[str]:
        """Return the IDs of everything that is known."""

    async def state_list(self) -> tuple[str, ...]:
        """Return the addresses of everything that is known."""


async def carry_out(context: Context, tofu: Infrastructure, planfile: Path, planned: PlanSummary) -> None:
    """Apply the plan in `planfile`; `planned` is what it does.

    Where machines failed that only came into each other's way, what is left is tried once more. What fails is
    reported in the infrastructure's own words. Nothing is done without the cluster's lock, once it was taken.
    """
    hints = context.provider.traits.hints
    context.lease.verify()
    if planned.of("create", "replace"):
        await remove_orphans(context, tofu)
    try:
        await tofu.apply(planfile)
    except TofuFailed as error:
        faults = await _faults(context)
        if not faults:
            raise
        passing = all(lookup(words, hints).passing for words in faults.values())
        if not (passing and is_remainder(planned, await tofu.plan(planfile))):
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
        await tofu.apply(planfile)
    except TofuFailed as error:
        raise with_faults(error, await _faults(context), hints) from error


async def freeze_override(
    context: Context, tofu: Infrastructure, planfile: Path, names: Collection[str]
) -> str:
    """Return HCL that keeps the machines of nodes as the plan in `planfile` found them.

    A change of a whole pool then comes to one node after the other. A target alone would not do: OpenTofu
    takes in what it depends on, with all instances of that. Empty where nothing can be held.
    """
    freeze = context.provider.in_place_freeze
    if not names or freeze is None:
        return ""
    shown, traits = await tofu.show_plan(planfile), context.provider.traits.resources
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
    known = await tofu.state_ids()
    await context.provider.remove_orphans(context.provider_context, OrphanPhase.BEFORE_CREATE, known=known)


async def _faults(context: Context) -> Mapping[str, str]:
    """Return what the infrastructure says of machines that failed, by node; empty when it does not answer."""
    with contextlib.suppress(KbootstrapError):  # the failure that is known matters more
        found = await context.provider.inspect(context.provider_context, faults=True)
        return {name: state.fault for name, state in found.items() if state.fault}
    return {}
