"""Carries out the steps of one node, stage by stage; `converge.py` says when each stage may begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kbootstrap.cluster.converge.cluster_run import ClusterRun
from kbootstrap.cluster.converge.node_run import NodeRun
from kbootstrap.cluster.converge.reporting import StepReporter
from kbootstrap.cluster.steps.base import ConvergeStep, Stage
from kbootstrap.core.concurrency import run_all


@dataclass(frozen=True, slots=True)
class Executor:
    """The steps of one run. Each is reported through `reporter`; errors are those of the step."""

    run: ClusterRun
    reporter: StepReporter

    async def send(self, name: str) -> None:
        """Carry out the steps of a node that need no running cluster."""
        await self._in_order(name, Stage.CLEAN)
        if self._of(name, Stage.CLAIM):
            await self._in_order(name, Stage.CLAIM)
        else:
            await self.run.machine(name).begin(self.run.plan.steps[name])
        await self._in_order(name, Stage.VOLUMES)
        await run_all(self._carry_out(step) for step in self._of(name, Stage.SEND))

    async def change(self, name: str) -> None:
        """Carry out the steps of a node from the token to the start of the service."""
        await self._in_order(name, Stage.CHANGE)

    async def serving(self, name: str) -> None:
        """Wait until a server serves, if that is one of its steps."""
        await self._in_order(name, Stage.SERVE)

    async def finish(self, name: str) -> None:
        """Carry out the steps that other nodes wait for, then the steps that need the node or the API."""
        await self._in_order(name, Stage.PUBLISH)
        await self._in_order(name, Stage.FINISH)

    def _of(self, name: str, stage: Stage) -> Sequence[ConvergeStep]:
        return [step for step in self.run.plan.steps[name] if step.stage is stage]

    async def _in_order(self, name: str, stage: Stage) -> None:
        for step in self._of(name, stage):
            await self._carry_out(step)

    async def _carry_out(self, step: ConvergeStep) -> None:
        with self.reporter.report(step) as waiting:
            await step.carry_out(NodeRun(self.run, step.node, waiting, self.reporter.progress(step)))
