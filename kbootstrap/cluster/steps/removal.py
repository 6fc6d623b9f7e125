"""Steps by which a node leaves its cluster; `ForgetNode` is one of them too (`membership.py`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.cluster.steps.base import RemovalStep
from kbootstrap.cluster.steps.run import RemovalRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Cordon(RemovalStep):
    """Keep new pods away from a node that leaves."""

    title = "cordon the node"
    clearing = True

    async def carry_out(self, run: RemovalRun) -> None:
        await run.cordon()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(RemovalStep):
    """Evict the pods of a node; disruption budgets are respected."""

    title = "drain the node"
    clearing = True

    async def carry_out(self, run: RemovalRun) -> None:
        await run.drain()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitJoined(RemovalStep):
    """Wait until a joining server has its Node: deleting the Node is what removes it from etcd."""

    title = "wait until the node has joined"

    async def carry_out(self, run: RemovalRun) -> None:
        await run.wait_joined()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreventRestart(RemovalStep):
    """Prevent a unit from starting again once it ends: a removed server would join again."""

    unit: str

    @property
    def title(self) -> str:
        return f"prevent {self.unit} from restarting"

    async def carry_out(self, run: RemovalRun) -> None:
        await run.prevent_restart(self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopService(RemovalStep):
    """Stop and disable the unit."""

    unit: str

    @property
    def title(self) -> str:
        return f"stop {self.unit}"

    async def carry_out(self, run: RemovalRun) -> None:
        await run.stop_service(self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteMachine(RemovalStep):
    """Delete an elastic machine, which OpenTofu does not know, and wait until it is gone."""

    title = "delete the machine"

    async def carry_out(self, run: RemovalRun) -> None:
        await run.delete_machine()


@dataclass(frozen=True, slots=True, kw_only=True)
class UninstallMachine(RemovalStep):
    """Uninstall Kubernetes from a machine that is kept, after its node has left, and delete its record."""

    title = "remove Kubernetes from the machine"

    async def carry_out(self, run: RemovalRun) -> None:
        await run.uninstall()
        await run.record_host(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveMachine(RemovalStep):
    """Do not change a machine that does not answer; its record is kept in case its node returns."""

    machine: Recorded
    title = "leave the machine as it is"

    async def carry_out(self, run: RemovalRun) -> None:
        await run.record_host(replace(self.machine, left=True))
