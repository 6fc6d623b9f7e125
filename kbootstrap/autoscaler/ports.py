"""The server's environment: the infrastructure, the installation, Kubernetes. Tests have their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from kbootstrap.autoscaler.model import Notice, SeenNode
from kbootstrap.providers.elastic import ElasticMachine, MachineOrder, Shape

Clock = Callable[[], float]
"""Seconds since the epoch, as `time.time`."""


class ClusterMachines(Protocol):
    """`ElasticMachines` of one cluster. Calls raise what is described there."""

    async def list(self) -> tuple[ElasticMachine, ...]:
        """Return the cluster's elastic machines."""

    async def create(self, order: MachineOrder) -> ElasticMachine:
        """Request a machine."""

    async def delete(self, machine: ElasticMachine) -> None:
        """Request the deletion of a machine."""

    async def shapes(self, flavors: Collection[str]) -> Mapping[str, Shape]:
        """Return what machines of these flavors have."""


class Installer(Protocol):
    """Makes a node of a machine, with the facts, decisions and steps of every other node."""

    async def install(self, machine: ElasticMachine) -> None:
        """Install Kubernetes on a machine that runs, and return when its Node is Ready.

        Waits until the machine answers. May be repeated at any point: what is installed already is not
        touched. May be cancelled at any time. Raises `KbootstrapError`; then the machine is deleted.
        """

    async def forget(self, name: str) -> None:
        """Remove what kbootstrap recorded of a node whose machine is gone; nothing recorded is no error."""


@dataclass(frozen=True, slots=True)
class LeaderLease:
    """The Lease of the leader. `version` is what an update must name; empty: there is no Lease yet.

    `renewed` is the time that its holder wrote, used only to see that it changes: clocks of machines differ.
    """

    holder: str = ""
    renewed: str = ""
    changes: int = 0
    version: str = ""


class KubernetesCalls(Protocol):
    """The calls to the Kubernetes API that the server needs. They raise `ApiUnavailable`."""

    async def seen_nodes(self) -> tuple[SeenNode, ...]:
        """List the Nodes."""

    async def delete_node(self, name: str) -> None:
        """Delete a Node if it exists."""

    async def keep_node(self, name: str) -> None:
        """Mark a Node so that Cluster Autoscaler never chooses it for removal."""

    async def lease(self) -> LeaderLease:
        """Return the Lease of the leader."""

    async def put_lease(self, lease: LeaderLease) -> bool:
        """Create or update the Lease; False if another client changed it since it was read."""

    async def report(self, notice: Notice, count: int) -> None:
        """Write an Event that occurred `count` times."""

    async def close(self) -> None:
        """Close the connections; never raises."""
