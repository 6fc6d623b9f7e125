"""Steps about Cluster Autoscaler and its server as pods: their Secrets, their images, and their end."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.cluster.steps.base import ConvergeStep, DriftSubject, Stage
from kbootstrap.cluster.steps.run import ConvergeRun
from kbootstrap.distros.additions import AUTOSCALER_SECRETS, SECRET_NAMESPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class GivePodSecrets(ConvergeStep):
    """Write both Secrets, with new certificates and a new credential; the pods start again.

    `good` are the marks of valid credentials. `checked`: the Secrets were seen, so they are not read again.
    """

    good: frozenset[str] = frozenset()
    checked: bool = True
    stage = Stage.PUBLISH

    @property
    def title(self) -> str:
        return f"write the Secrets {' and '.join(AUTOSCALER_SECRETS)} in {SECRET_NAMESPACE}"

    @property
    def drift(self) -> DriftSubject:
        return DriftSubject("configuration", f"Secret {AUTOSCALER_SECRETS[-1]}")

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.give_pod_secrets(self.good, checked=self.checked)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePods(ConvergeStep):
    """Wait until the pods are gone, then remove what no manifest has: credential, Leases, Secrets.

    `last`: the Secret with the mark too. Otherwise elastic nodes leave after this step, and the Secret says
    until then that they must.
    """

    last: bool
    title = "remove the autoscaler: pods, credential, Secrets"
    stage = Stage.PUBLISH

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.remove_pods(last=self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropArchive(ConvergeStep):
    """Remove the archive of an image that no pod has any more."""

    path: str
    stage = Stage.SEND

    @property
    def title(self) -> str:
        return f"remove {self.path}"

    @property
    def drift(self) -> DriftSubject:
        return DriftSubject("configuration", self.path)

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.drop_artifact(self.path)
