"""Steps for a machine as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.cluster.steps.base import ConvergeStep, DriftSubject, Stage
from kbootstrap.cluster.steps.run import ConvergeRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean(ConvergeStep):
    """Remove everything from a server that was removed from etcd: its data would start a second cluster."""

    title = "remove the old member from the machine"
    stage = Stage.CLEAN

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.uninstall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(ConvergeStep):
    """Record on the machine that it belongs to this cluster, before any other change."""

    title = "claim the machine"
    stage = Stage.CLAIM
    drift = DriftSubject("installation", "machine")

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.note_changes()
