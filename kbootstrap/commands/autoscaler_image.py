"""`kbootstrap autoscaler image`: packs this installation as the image of the server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.source import images, installation, machine
from kbootstrap.core.runtime import Runtime

REPOSITORY = "kbootstrap/autoscaler"


async def image(target: Path, runtime: Runtime) -> tuple[str, str]:
    """Write the image, in the form of `docker save` and compressed with zstd.

    Returns its tag and the SHA-256 of the file. The tag is a hash of the content. Raises
    `PrerequisiteMissing` (KB1408).
    """
    own = installation.Installation.own()
    files = await installation.content(own, installation.packages(own), runtime.runner)
    tag = f"{REPOSITORY}:{(await asyncio.to_thread(installation.digest, files))[:16]}"
    packed = images.Image(tag, files, installation.CONFIG)
    await asyncio.to_thread(images.pack, [packed], machine.architecture(), target)
    return tag, await asyncio.to_thread(cache.sha256, target)
