"""The provider contract, carried out by the other modules of this folder; most of it has nothing to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kbootstrap.core.diagnostics import Diagnostic
from kbootstrap.inventory.model import Inventory
from kbootstrap.providers.context import ClusterDefinition, ProviderContext
from kbootstrap.providers.model import Check, DestroyPreview, MachineState, OrphanPhase, Provider
from kbootstrap.providers.ssh import machines
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Spec

# ruff: noqa: ARG002 - arguments as the contract has them


class SpecMachines:
    """The machines that the spec lists."""

    def outputs(self, definition: ClusterDefinition) -> Mapping[str, Any]:
        """Return the machines as the spec names them."""
        return machines.outputs(definition)


class Ssh(Provider):
    """Machines that exist."""

    name = "ssh"
    existing_machines = SpecMachines()

    def render(self, definition: ClusterDefinition) -> RenderedRoot:
        """Return a root without files."""
        return RenderedRoot({}, (), {})

    def validate(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        """Return nothing: the schema says everything about the settings."""
        return ()

    async def pin(self, context: ProviderContext, *, upgrade: bool = False, making: bool = True) -> Lock:
        """Return the lock as it is: nothing is looked up."""
        return context.lock

    async def check(self, context: ProviderContext) -> tuple[Check, ...]:
        """Return nothing: `doctor` itself connects to machines that exist."""
        return ()

    async def prepare(self, context: ProviderContext, *, making: bool = True) -> Mapping[str, str]:
        """Return nothing: OpenTofu does not run."""
        return {}

    async def inspect(
        self,
        context: ProviderContext,
        *,
        outputs: Mapping[str, Any] | None = None,
        names: Collection[str] = (),
        faults: bool = False,
    ) -> Mapping[str, MachineState]:
        """Return nothing: no machine is created, and what one carries is seen over SSH only."""
        return {}

    async def inventory(
        self,
        context: ProviderContext,
        outputs: Mapping[str, Any],
        *,
        starting: bool = True,
        tolerate_missing: Collection[str] = (),
    ) -> Inventory:
        """Return how to reach the machines; kbootstrap cannot start them."""
        return await machines.inventory(context, outputs["kbootstrap"], tolerate_missing)

    async def destroy_preview(self, context: ProviderContext) -> DestroyPreview:
        """Return the machines that the cluster is taken off."""
        pools = (context.cluster.control_plane, *context.cluster.pools)
        names = tuple(host.name for pool in pools for host in pool.hosts)
        return DestroyPreview(
            "from its machines",
            {"machines": names},
            "The machines stay: Kubernetes, its data and everything that kbootstrap put there are taken off "
            "them. A machine that carries something else is left alone.",
        )

    async def remove_orphans(
        self,
        context: ProviderContext,
        phase: OrphanPhase,
        *,
        known: Collection[str] = (),
        names: Collection[str] = (),
    ) -> None:
        """Do nothing: the cluster has nothing besides its machines."""
