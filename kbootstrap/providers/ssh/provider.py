"""Implements the provider contract. Most operations do nothing: kbootstrap does not manage these machines."""

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

# ruff: noqa: ARG002 - arguments of the contract


class SpecMachines:
    """The machines that the spec lists."""

    def outputs(self, definition: ClusterDefinition) -> Mapping[str, Any]:
        """Return the machines that the spec lists."""
        return machines.outputs(definition)


class Ssh(Provider):
    """Existing machines."""

    name = "ssh"
    existing_machines = SpecMachines()

    def render(self, definition: ClusterDefinition) -> RenderedRoot:
        """Return a root module without files."""
        return RenderedRoot({}, (), {})

    def validate(self, spec: Spec, cluster: Cluster) -> tuple[Diagnostic, ...]:
        """Return nothing: the schema covers all settings."""
        return ()

    async def pin(self, context: ProviderContext, *, upgrade: bool = False, creating: bool = True) -> Lock:
        """Return the lock unchanged: there is nothing to pin."""
        return context.lock

    async def check(self, context: ProviderContext) -> tuple[Check, ...]:
        """Return nothing: `doctor` itself connects to existing machines."""
        return ()

    async def prepare(self, context: ProviderContext, *, creating: bool = True) -> Mapping[str, str]:
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
        """Return nothing: no machine is created, and the contents of a machine are visible only over SSH."""
        return {}

    async def inventory(
        self,
        context: ProviderContext,
        outputs: Mapping[str, Any],
        *,
        starting: bool = True,
        tolerate_missing: Collection[str] = (),
    ) -> Inventory:
        """Return the connections to the machines. kbootstrap cannot start them."""
        return await machines.inventory(context, outputs["kbootstrap"], tolerate_missing)

    async def destroy_preview(self, context: ProviderContext) -> DestroyPreview:
        """Return the machines from which the cluster is removed."""
        pools = (context.cluster.control_plane, *context.cluster.pools)
        names = tuple(host.name for pool in pools for host in pool.hosts)
        return DestroyPreview(
            "from its machines",
            {"machines": names},
            "The machines are kept: Kubernetes, its data and all files of kbootstrap are removed from them. "
            "A machine that runs something else is not changed.",
        )

    async def remove_orphans(
        self,
        context: ProviderContext,
        phase: OrphanPhase,
        *,
        known: Collection[str] = (),
        names: Collection[str] = (),
    ) -> None:
        """Do nothing: the cluster has no resources besides its machines."""
