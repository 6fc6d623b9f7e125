"""Obtains the OpenTofu program: cache, vendor's release, build from source. Only on explicit request.

The program is cached like any artifact. `<cache>/bin/tofu` links to it, where `kbootstrap.tofu` looks for it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

from kbootstrap.artifacts import cache, releases
from kbootstrap.artifacts.fetch import Patience
from kbootstrap.artifacts.obtain import ensured, released
from kbootstrap.artifacts.progress import Narrator
from kbootstrap.artifacts.source import machine, recipe
from kbootstrap.artifacts.source.build import SourceBuild
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Emit, nowhere
from kbootstrap.core.process import Runner


async def obtain_tofu(
    *,
    runner: Runner,
    emit: Emit = nowhere,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    releases_url: str | None = None,
    patience: Patience | None = None,
) -> Path:
    """Return `<cache>/bin/tofu`, a link to a verified OpenTofu of the pinned version for this machine.

    `folder` is the cache, `releases_url` the server of the releases, as in `obtain`. Errors as in `obtain`.
    """
    env = os.environ if env is None else env
    root = folder or cache.root(env)
    version, arch = recipe.tofu_version(), machine.architecture()
    wanted = releases.tofu(version, arch)
    urls = releases.folders(wanted, None, releases_url or env.get("KBOOTSTRAP_RELEASES_URL"))

    async def make(filled: Path) -> str:
        source, _ = await released(wanted, urls, filled, emit=emit, patience=patience or Patience())
        if source is None:
            await SourceBuild(runner, root, env, emit).program("tofu", f"OpenTofu {version}", filled)
        else:
            await asyncio.to_thread(unpack, filled / wanted.files[0], "tofu")
        return source or cache.BUILT

    place = cache.place(root, "tofu", f"v{version}", arch)
    kept = await ensured(place, make, Narrator(emit, f"obtain OpenTofu {version}"), env)
    return await asyncio.to_thread(link_tofu, root, kept.folder)


def unpack(archive: Path, name: str) -> None:
    """Extract the program `name` of a zip archive into the archive's folder, and remove the archive.

    Raises `KbootstrapError` (KB0902) when the archive is not the one that the vendor publishes.
    """
    target = archive.with_name(name)
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(name) as member, target.open("wb") as file:
            shutil.copyfileobj(member, file)
    except (zipfile.BadZipFile, KeyError) as error:
        raise KbootstrapError(
            f"{archive.name} is not the archive that its vendor publishes: {error}", code="KB0902"
        ) from error
    target.chmod(0o755)
    archive.unlink()


def link_tofu(root: Path, folder: Path) -> Path:
    """Let `<cache>/bin/tofu` lead to the program in a folder of the cache, and return it."""
    program = folder / "tofu"
    link = root / "bin" / "tofu"
    with cache.usable(link.parent):
        if link.is_symlink() and link.readlink() == program:
            return link
        link.parent.mkdir(parents=True, exist_ok=True)
        with cache.scratch(link) as scratch:
            (scratch / "tofu").symlink_to(program)
            (scratch / "tofu").replace(link)
    return link
