"""Steps that write through the Kubernetes API, or wait for changes by other clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.cluster.steps.base import ConvergeStep, DriftSubject, Stage
from kbootstrap.cluster.steps.run import ConvergeRun
from kbootstrap.distros.additions import SECRET_NAMESPACE
from kbootstrap.spec.model import Taint


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileNode(ConvergeStep):
    """Set labels and taints on the Node object; remove those of an earlier spec."""

    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    title = "set labels and taints"
    stage = Stage.FINISH
    drift = DriftSubject("labels", "labels and taints")

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.reconcile(self.labels, self.taints)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveSecret(ConvergeStep):
    """Write the Secret that the infrastructure's programs read. Its value is not part of a plan.

    `good` are the marks of a Secret that is valid: it is read once more before a new one is made.
    `readers` is the label of pods that must start again when an earlier one is replaced.
    """

    secret: str
    readers: str = ""
    good: frozenset[str] = frozenset()
    stage = Stage.PUBLISH

    @property
    def title(self) -> str:
        return f"write the Secret {SECRET_NAMESPACE}/{self.secret}"

    @property
    def drift(self) -> DriftSubject:
        return DriftSubject("configuration", f"Secret {self.secret}")

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.give_secret(self.secret, self.readers, self.good)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteHosts(ConvergeStep):
    """Record the cluster's machines, so that a machine that leaves the spec is known."""

    machines: Mapping[str, Recorded]
    stage = Stage.PUBLISH

    @property
    def title(self) -> str:
        return f"record {len(self.machines)} host{'' if len(self.machines) == 1 else 's'} in the cluster"

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.record_hosts(self.machines)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitKnown(ConvergeStep):
    """Wait until the infrastructure's controller has initialized the node; no pods run on it before.

    `controller` is its workload, as `kubectl logs` takes it.
    """

    title = "wait for the cloud controller"
    stage = Stage.FINISH
    drift = None

    controller: str = ""

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.wait_known(self.controller)
