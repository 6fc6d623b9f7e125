"""Steps for files: artifacts, configuration, secrets."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from kbootstrap.cluster.steps.base import ConvergeStep, DriftSubject, Stage
from kbootstrap.cluster.steps.run import ConvergeRun, Secret
from kbootstrap.distros.model import Artifact, NodeFile

_IMAGES = ".tar.zst"
"""How the names of image archives end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFile(ConvergeStep):
    """Send an artifact and check its sha256 on the node.

    `aside`: a service uses the file that is there, so this one waits beside it for `SwapFiles`. `load`: it
    has images, and a service that runs gets them now.
    """

    artifact: Artifact
    version: str
    aside: bool = False
    load: bool = False
    stage = Stage.SEND

    @property
    def title(self) -> str:
        return f"send {self.artifact.name} {self.version}"

    @property
    def drift(self) -> DriftSubject | None:
        return None if self.aside else DriftSubject("version", self.artifact.name)

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.stage_artifact(self.artifact, self.version, aside=self.aside)
        if self.load or (self.aside and self.artifact.name.endswith(_IMAGES)):
            await run.preload_images(self.artifact, required=self.load)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapFiles(ConvergeStep):
    """Move artifacts of another version, which were sent aside, to the paths that the service uses."""

    artifacts: tuple[Artifact, ...]
    version: str
    stage = Stage.CHANGE
    drift = DriftSubject("version", "Kubernetes")

    @property
    def title(self) -> str:
        return f"change to {self.version}"

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.swap_artifacts(self.artifacts, self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile(ConvergeStep):
    """Write a configuration file. `before` is its old text if known; `existed`: the file existed."""

    file: NodeFile
    existed: bool = False
    before: str | None = None
    stage = Stage.SEND

    @property
    def title(self) -> str:
        return f"{'change' if self.existed else 'write'} {self.file.path}"

    @property
    def drift(self) -> DriftSubject:
        return DriftSubject("configuration", self.file.path)

    @property
    def places(self) -> str:
        return self.file.path

    @property
    def diff(self) -> str:
        """Return a unified diff; the whole new text if the old one is unknown."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True),
            self.file.content.splitlines(keepends=True),
            self.file.path if self.existed else "/dev/null",
            self.file.path,
        )
        return "".join(lines)

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.write(self.file.content, self.file.path, self.file.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSecret(ConvergeStep):
    """Write a token or another secret. Its value is never part of a plan."""

    secret: Secret
    path: str
    stage = Stage.CHANGE

    @property
    def title(self) -> str:
        return f"write {self.path}"

    @property
    def drift(self) -> DriftSubject:
        return DriftSubject("configuration", self.path)

    @property
    def places(self) -> str:
        return self.path if self.secret == "private" else ""  # noqa: S105 - a kind of secret

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.write_secret(self.secret, self.path)
