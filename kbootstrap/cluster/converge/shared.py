"""Artifacts that the nodes of one machine share (`SharedArtifacts`): used in place, instead of being sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kbootstrap.cluster.deadlines import STAGE
from kbootstrap.distros.common import SHARED
from kbootstrap.distros.model import Artifact, Distribution
from kbootstrap.hosts.model import Host
from kbootstrap.hosts.script import shell_script

_Act = Literal["place", "set_aside", "load", "swap", "release"]
"""Functions of `shared.sh`."""


@dataclass(frozen=True, slots=True)
class SharedArtifact:
    """An artifact on the machine of `host`, with the checksum that is wanted.

    `aside` is where it waits until the service changes to it. An artifact that is not shared on this machine
    is not touched.
    """

    host: Host
    distro: Distribution
    artifact: Artifact
    sha256: str
    aside: str

    async def place(self) -> bool:
        """Use it; return whether it is there."""
        return await self._do("place") == "placed"

    async def set_aside(self) -> bool:
        """Let it wait aside; return whether it is there."""
        return await self._do("set_aside") == "aside"

    async def load(self) -> bool:
        """Import the images of an archive that waits aside; return whether one of `set_aside` is there.

        A failure has no effect: the service then imports the archive when it starts.
        """
        return await self._do("load") == "shared"

    async def swap(self) -> Literal["", "placed", "imported"]:
        """Use what waits aside. `imported`: its images are in the store of the service, and it has no file.

        Returns an empty string if nothing of `set_aside` is there.
        """
        done = await self._do("swap")
        if done == "imported":
            return "imported"
        return "placed" if done == "placed" else ""

    async def release(self) -> None:
        """Let the service remove images of other versions when the disk is full."""
        await self._do("release", check=False)

    async def _do(self, act: _Act, *, check: bool = True) -> str:
        text = shell_script(
            __package__,
            "shared.sh",
            shared=SHARED,
            name=self.artifact.name,
            sha256=self.sha256,
            path=self.artifact.path,
            aside=self.aside,
        )
        command = f"{text}{self.distro.images}\n{act}\n"
        return (await self.host.run(command, deadline=STAGE, check=check)).stdout.strip()
