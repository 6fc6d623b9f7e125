"""Steps for the membership of a node in its cluster: the Node object, and waiting for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from kbootstrap.cluster.steps.base import ConvergeStep, DriftSubject, RemovalStep, Stage
from kbootstrap.cluster.steps.run import ConvergeRun, StepRun


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetNode(ConvergeStep, RemovalStep):
    """Delete the Node object of an earlier machine of this name, with its password and etcd member.

    `member`: its machine exists, with the data of a member; it records before that this becomes void.
    """

    member: bool = False
    title = "delete the old Node object"
    stage = Stage.CHANGE
    drift = DriftSubject("membership", "Node object")

    async def carry_out(self, run: StepRun) -> None:
        await run.forget_node(member=self.member)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver(ConvergeStep, RemovalStep):
    """Let the other servers take over from one that stops: the leadership of etcd, and new connections."""

    title = "hand over to the other servers"
    stage = Stage.CHANGE
    drift = None

    async def carry_out(self, run: StepRun) -> None:
        await run.hand_over()


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncordon(ConvergeStep, RemovalStep):
    """Uncordon a node that was to leave and stays."""

    title = "uncordon the node"
    stage = Stage.FINISH
    drift = DriftSubject("membership", "cordon")

    async def carry_out(self, run: StepRun) -> None:
        await run.uncordon()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitReady(ConvergeStep):
    """Wait until the Node object is Ready and reports the wanted version.

    `since` is when its service was started (epoch, by its own clock); 0: not yet, or not known. It may differ
    by a second between two observations, so a saved plan does not compare it. `looping` as in `WaitServing`;
    the node then counts as Ready once a process of its service has lasted.
    """

    unit: str
    version: str
    since: int = field(default=0, repr=False)
    looping: bool = False
    title = "wait until the node is Ready"
    stage = Stage.FINISH
    drift = None

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.wait_ready(self.unit, self.version, self.since, looping=self.looping)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitWorkloads(ConvergeStep):
    """Wait until everything that ran on the node is ready again: another version replaces pods."""

    title = "wait until its workloads are ready"
    stage = Stage.FINISH
    drift = None
    rolling = True

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.wait_workloads()
