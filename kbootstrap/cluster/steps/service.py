"""Steps for the service: start, restart, wait until a server serves."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.cluster.steps.base import ConvergeStep, DriftSubject, Stage
from kbootstrap.cluster.steps.run import ConvergeRun


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveSnapshot(ConvergeStep):
    """Save a snapshot of etcd on a server before servers change their version."""

    name: str
    stage = Stage.CHANGE
    drift = None

    @property
    def title(self) -> str:
        return f"save the etcd snapshot {self.name}"

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.save_snapshot(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStep(ConvergeStep):
    """A step for the unit of a node's service."""

    unit: str
    stage = Stage.CHANGE

    @property
    def drift(self) -> DriftSubject | None:
        return DriftSubject("service", self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartService(ServiceStep):
    """Enable and start the unit.

    `behind`: it failed with old tokens; what it wrote then must not count as newer than the cluster's data.
    """

    behind: bool = False

    @property
    def title(self) -> str:
        return f"start {self.unit}"

    async def carry_out(self, run: ConvergeRun) -> None:
        if self.behind:
            await run.age_password_file(self.unit)
        await run.start(self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartService(ServiceStep):
    """Restart the unit so that it reads its new configuration; pods keep running."""

    @property
    def title(self) -> str:
        return f"restart {self.unit}"

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.restart(self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableService(ServiceStep):
    """Enable a unit that runs, so that it starts at the next boot too."""

    @property
    def title(self) -> str:
        return f"enable {self.unit}"

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.enable(self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitServing(ConvergeStep):
    """Wait until a server has joined etcd as a voter and its API answers `/readyz`.

    `looping`: its service is crash-looping, and nothing is changed, so one more failure ends the wait.
    """

    unit: str
    looping: bool = False
    title = "wait for the API server and etcd"
    stage = Stage.SERVE
    drift = None

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.wait_serving(self.unit, looping=self.looping)
        await run.activate_deferred()
