"""Machines that come and go with the load: made and removed while the cluster runs, without OpenTofu.

They carry all that is known about them as tags in the infrastructure: spec, cluster, pool, flavor, and that
they are elastic. There is no other record, so that a server that was killed finds again what it had begun.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from kbootstrap.core.errors import KbootstrapError
from kbootstrap.providers.context import ProviderContext

ELASTIC, POOL, FLAVOR, ADDRESS = (f"kbootstrap.{key}" for key in ("elastic", "pool", "flavor", "address"))
"""Tags of every elastic machine, beside those of its cluster. ELASTIC marks what was made without OpenTofu. A
machine may have no address while it is built, so ADDRESS has it."""


class OutOfResources(KbootstrapError):
    """The infrastructure has no room for the machine: a quota is exhausted, or no host has the capacity."""


class AddressTaken(KbootstrapError):
    """The address of the machine belongs to another one."""


class MachinePhase(Enum):
    """What the infrastructure does with a machine."""

    CREATING = auto()
    RUNNING = auto()
    FAILED = auto()
    """The infrastructure could not create it, or reports an error of it. It stays until it is deleted."""
    DELETING = auto()


@dataclass(frozen=True, slots=True)
class ElasticMachine:
    """A machine as the infrastructure lists it.

    `id` is the infrastructure's own. `pool` is the pool's first name, `flavor` is empty if machines have
    none. `created` is when its creation was requested (epoch, seconds). `fault` is why it failed;
    `exhausted`: for lack of resources. `provider_id` is what its Node will have as `spec.providerID`; empty:
    the distribution's form.
    """

    id: str
    name: str
    pool: str
    flavor: str
    address: str
    phase: MachinePhase
    created: float
    fault: str = ""
    exhausted: bool = False
    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class MachineOrder:
    """A machine to create: a new node of a pool."""

    name: str
    pool: str
    flavor: str
    address: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What a machine of a flavor has: processors, memory (MiB), disk (GiB), and its processor's architecture.

    `labels` are those that the infrastructure's controller sets on every node of this flavor: instance type,
    region, and the zone if all its machines are in one.
    """

    cpus: int
    memory_mib: int
    disk_gib: int
    arch: str = "amd64"
    labels: Mapping[str, str] = field(default_factory=dict)


class ElasticMachines(Protocol):
    """Makes and removes machines while the cluster runs. Without it, a provider cannot autoscale.

    Calls may overlap, and may be repeated or cancelled at any time. They raise `KbootstrapError` when the
    infrastructure does not answer or refuses; the server tries again.
    """

    async def list(self, context: ProviderContext) -> tuple[ElasticMachine, ...]:
        """Return the cluster's elastic machines, and no others: those with its tags. Read-only.

        The list is complete, or the call fails. A machine is in it from the moment that `create` returns
        until it is gone; one whose `create` was interrupted may appear later.
        """

    async def create(self, context: ProviderContext, order: MachineOrder) -> ElasticMachine:
        """Request a machine with its tags, configured like the pool's other machines, and return it.

        Does not wait until it runs. If there is a machine of this name, it is returned: no name exists twice.
        What an interrupted request has left of it is completed.
        Raises `OutOfResources` and `AddressTaken` before anything is left behind.
        """

    async def delete(self, context: ProviderContext, machine: ElasticMachine) -> None:
        """Request the deletion of a machine and of all that belongs to it; one that is gone is no error."""

    async def shapes(self, context: ProviderContext, flavors: Collection[str]) -> Mapping[str, Shape]:
        """Return what machines of these flavors have; unknown flavors are missing. Read-only."""
