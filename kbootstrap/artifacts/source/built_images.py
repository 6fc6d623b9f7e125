"""Obtains images that nodes would otherwise pull from a registry: from the cache, else built from source.

No registry is contacted: where one is reachable, the nodes pull the images themselves. This module serves
nodes that cannot reach a registry, where the spec says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.cache import Kept
from kbootstrap.artifacts.obtain import ensured
from kbootstrap.artifacts.progress import Narrator
from kbootstrap.artifacts.source.build import SourceBuild
from kbootstrap.artifacts.source.recipe import BuiltImage
from kbootstrap.core.events import Emit, nowhere
from kbootstrap.core.process import Runner


async def obtain_image(
    wanted: BuiltImage,
    arch: str,
    *,
    runner: Runner,
    emit: Emit = nowhere,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Kept:
    """Return the verified archive of an image for `amd64` or `arm64`.

    `folder` is the cache. Raises `PrerequisiteMissing` for missing build requirements (KB0905 to KB0910), and
    `KbootstrapError` for a wrong checksum (KB0903) or a failed build (KB0911).
    """
    env = os.environ if env is None else env
    root = folder or cache.root(env)

    async def make(filled: Path) -> str:
        await SourceBuild(runner, root, env, emit).image(wanted, arch, filled)
        return cache.BUILT

    what = f"image {wanted.name} {wanted.version} {arch}"
    place = cache.place(root, wanted.name, wanted.version, arch)
    return await ensured(place, make, Narrator(emit, f"obtain {what}"), env)
