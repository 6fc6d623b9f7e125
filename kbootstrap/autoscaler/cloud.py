"""The provider's capability, bound to the cluster as its definition is now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from kbootstrap.autoscaler.definition import Definition
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.elastic import ElasticMachine, ElasticMachines, MachineOrder, Shape

MakeContext = Callable[[Definition], ProviderContext]


class BoundCloud:
    """Implements `ports.Cloud`. `use` changes the definition, from the next request on."""

    def __init__(self, machines: ElasticMachines, make: MakeContext, definition: Definition) -> None:
        self._machines, self._make, self._context = machines, make, make(definition)

    def use(self, definition: Definition) -> None:
        """Create further machines by this definition."""
        self._context = self._make(definition)

    async def list(self) -> tuple[ElasticMachine, ...]:
        """Return the cluster's elastic machines."""
        return await self._machines.list(self._context)

    async def create(self, order: MachineOrder) -> ElasticMachine:
        """Request a machine."""
        return await self._machines.create(self._context, order)

    async def delete(self, machine: ElasticMachine) -> None:
        """Request the deletion of a machine."""
        await self._machines.delete(self._context, machine)

    async def shapes(self, flavors: Collection[str]) -> Mapping[str, Shape]:
        """Return what machines of these flavors have."""
        return await self._machines.shapes(self._context, flavors)
