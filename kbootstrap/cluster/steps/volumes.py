"""Steps for extra volumes."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.cluster.state.desired import DesiredVolume
from kbootstrap.cluster.steps.base import ConvergeStep, DriftSubject, Stage
from kbootstrap.cluster.steps.run import ConvergeRun
from kbootstrap.distros.model import NodeFile


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeStep(ConvergeStep):
    """A step for an extra volume; `link` is its disk on the machine, empty while it is not visible."""

    volume: DesiredVolume
    link: str
    stage = Stage.VOLUMES

    @property
    def drift(self) -> DriftSubject:
        return DriftSubject("volume", f"volume {self.volume.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatVolume(VolumeStep):
    """Create a filesystem on an empty volume."""

    @property
    def title(self) -> str:
        return f"format volume {self.volume.name}"

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.format_volume(self.volume, self.link)


@dataclass(frozen=True, slots=True, kw_only=True)
class MountVolume(VolumeStep):
    """Mount a volume, now and at every boot; `file` is its mount unit."""

    file: NodeFile

    @property
    def title(self) -> str:
        return f"mount volume {self.volume.name} at {self.volume.mount}"

    @property
    def places(self) -> str:
        return self.file.path

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.mount_volume(self.volume, self.link, self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowVolume(VolumeStep):
    """Grow the filesystem to the size of its volume, while it is mounted."""

    @property
    def title(self) -> str:
        return f"grow volume {self.volume.name}"

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.grow_volume(self.volume, self.link)
