"""Files of a version that a node of the cluster has: a source for a process that runs on it, as a pod.

They are copied into the cache, which verifies them from then on; `obtain` compares them with the lock file.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.progress import Narrator
from kbootstrap.artifacts.source import machine
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Emit
from kbootstrap.core.process import Runner
from kbootstrap.distros.model import Artifact
from kbootstrap.spec.pins import ArtifactPin

_VERSION = 60.0
"""Seconds for a program to print its version."""


async def keep(
    distribution: str,
    version: str,
    arch: str,
    wanted: Sequence[Artifact],
    node: Path,
    *,
    runner: Runner,
    pin: ArtifactPin | None,
    emit: Emit,
    folder: Path,
) -> bool:
    """Copy the files of a version from a node into the cache `folder`; return whether the cache has it now.

    `node` has the root of the node's file system, or parts of it. Files of another version are left alone:
    by the checksums of the lock file, or else by what the first file says of itself, if it is the program.
    """
    place = cache.place(folder, distribution, version, arch)
    kept = await asyncio.to_thread(cache.load, place)
    if kept is not None and kept.sha256.keys() >= {artifact.name for artifact in wanted}:
        return True
    narrator = Narrator(emit, f"look for {distribution} {version} {arch} on the node")
    paths = {artifact.name: node / artifact.path.lstrip("/") for artifact in wanted}
    why = await _unfit(paths, version, arch, runner, pin, program=bool(wanted[0].mode & 0o111))
    if not why:
        try:
            await asyncio.to_thread(_copy, paths, place, pin)
        except _Changed as error:
            why = str(error)
    if why:
        narrator.skipped(why)
        return False
    narrator.done(f"the files of the node, {node}")
    return True


class _Changed(Exception):
    """A file has another checksum than the lock file says."""


async def _unfit(
    paths: Mapping[str, Path],
    version: str,
    arch: str,
    runner: Runner,
    pin: ArtifactPin | None,
    *,
    program: bool,
) -> str:
    """Return why the files are not those of the version; empty if nothing speaks against it.

    `program`: the first file is the program, and no archive of it.
    """
    if arch != machine.architecture():
        return f"the node is {machine.architecture()}"
    missing = await asyncio.to_thread(lambda: [str(path) for path in paths.values() if not path.is_file()])
    if missing:
        return f"there is no {', '.join(missing)}"
    if pin and paths.keys() <= pin.published.keys():
        return ""  # the checksums say more
    first = next(iter(paths.values()))
    if not program:
        return f"the lock file has no checksum of {first}"
    try:
        said = (await runner.run([str(first), "--version"], deadline=_VERSION)).stdout
    except KbootstrapError as error:
        return error.message
    return "" if version in said.split() else f"{first} is {said.strip() or 'of no version'}"


def _copy(paths: Mapping[str, Path], place: Path, pin: ArtifactPin | None) -> None:
    """Publish copies in the cache, unless one has another checksum than the lock file says.

    What the cache has of the version already stays.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with cache.scratch(place) as filled:
        cache.reuse(place, filled)
        for name, path in ((n, p) for n, p in paths.items() if not (filled / n).exists()):
            copied = Path(shutil.copyfile(path, filled / name))
            copied.chmod(0o644 if "." in name else 0o755)
            wanted = pin.published.get(name) if pin else None
            if wanted and cache.sha256(copied) != wanted:
                raise _Changed(f"{path} has another checksum than the lock file")
        cache.publish(filled, place, "a node of the cluster")
