"""What a lock file may pin of a version, and whether what was obtained is that.

What a vendor publishes is compared byte by byte. A build from source is not: compilers of other machines make
other bytes of the same sources, so what is pinned of it is the recipe, with the sums of all modules in it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from kbootstrap.artifacts import cache, fetch, releases
from kbootstrap.artifacts.fetch import Patience, Unavailable
from kbootstrap.artifacts.source import build as source
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.distros.release import Release
from kbootstrap.spec.pins import ArtifactPin


async def look_up(
    distribution: str,
    version: str,
    *,
    mirror: str | None = None,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    releases_url: str | None = None,
    patience: Patience | None = None,
) -> tuple[ArtifactPin, tuple[str, ...]]:
    """Return what can be pinned of a version, for every architecture, and why there is no more of it.

    Checksums come from the cache, for files that a vendor made, else from the lists that the mirror and the
    vendor publish; no file is downloaded. Arguments and errors as in `obtain`, but where no source answers
    nothing is raised: then the recipe alone is returned, if there is one.
    """
    env = os.environ if env is None else env
    root = folder or cache.root(env)
    if mirror:
        releases.check_base(mirror)
    base = releases_url or env.get("KBOOTSTRAP_RELEASES_URL")

    async def of(arch: str) -> tuple[Mapping[str, str], list[str]]:
        kept = await asyncio.to_thread(cache.read, cache.place(root, distribution, version, arch))
        if kept is not None and kept.source != cache.BUILT:
            return kept.sha256, []
        wanted = releases.of(distribution, version, arch)
        return await published(wanted, releases.folders(wanted, mirror, base), patience or Patience())

    found = await asyncio.gather(*map(of, releases.ARCHITECTURES))
    sums = {name: sha for known, _ in found for name, sha in known.items()}
    recipe = source.fingerprint(distribution, version)
    return ArtifactPin(sums, recipe), tuple(dict.fromkeys(text for _, told in found for text in told))


async def published(
    wanted: Release, urls: list[str], patience: Patience
) -> tuple[Mapping[str, str], list[str]]:
    """Return the published SHA-256 of a release's files from the first place that has them all.

    And the reasons of those places that had not.
    """
    refusals = []
    for url in urls:
        try:
            listed = releases.parse_sums(await fetch.text(f"{url}/{wanted.checksums}", patience))
        except Unavailable as error:
            refusals.append(str(error))
            continue
        if all(name in listed for name in wanted.files):
            return {name: listed[name] for name in wanted.files}, refusals
        refusals.append(f"{fetch.shown(url)}: {wanted.checksums} does not list every file")
    return {}, refusals


def verify(where: str, found: Mapping[str, str], pin: ArtifactPin | None) -> None:
    """Compare checksums with those of the lock file; `where` says whose they are.

    Raises `KbootstrapError` (KB0912) for another one than is pinned. A file that is not pinned is good.
    """
    for name, sha in found.items():
        wanted = pin.published.get(name, sha) if pin else sha
        if wanted != sha:
            raise KbootstrapError(
                f"{name} from {where} is not the one that the lock file pins",
                hint="find out why it changed before you continue; `kbootstrap lock --upgrade "
                "artifacts` pins what is published now, for a review of the lock file",
                detail=f"pinned {wanted}\nfound  {sha}",
                code="KB0912",
            )
