"""Checksums that a lock file pins for a version, and their verification.

The vendor's files are compared byte by byte. A build from source is not: compilers on other machines produce
different bytes from the same sources. For a build, the recipe is pinned, with the checksums of all modules.
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
    """Return the pin of a version, for every architecture, and the reasons why checksums are missing.

    Checksums of the vendor's files come from the cache, else from the lists that the mirror and the vendor
    publish; no file is downloaded. Arguments and errors as in `obtain`, except that no error is raised when
    no source responds: the pin then contains only the recipe, if there is one.
    """
    env = os.environ if env is None else env
    root = folder or cache.root(env)
    if mirror:
        releases.check_base(mirror)
    base = releases_url or env.get("KBOOTSTRAP_RELEASES_URL")

    async def of(arch: str) -> tuple[Mapping[str, str], list[str]]:
        kept = await asyncio.to_thread(cache.read, cache.place(root, distribution, version, arch))
        cached = kept.sha256 if kept is not None and kept.source != cache.BUILT else {}
        wanted = releases.of(distribution, version, arch)
        if cached and not wanted.others:
            return cached, []
        listed, reasons = await published(
            wanted, releases.folders(wanted, mirror, base), patience or Patience()
        )
        return {**listed, **cached}, reasons

    found = await asyncio.gather(*map(of, releases.ARCHITECTURES))
    sums = {name: sha for known, _ in found for name, sha in known.items()}
    recipe = source.fingerprint(distribution, version)
    return ArtifactPin(sums, recipe), tuple(
        dict.fromkeys(reason for _, reasons in found for reason in reasons)
    )


async def published(
    wanted: Release, urls: list[str], patience: Patience
) -> tuple[Mapping[str, str], list[str]]:
    """Return the published SHA-256 of a release's files from the first source that lists all of them.

    Those of `others` are included where they are listed. Also returns the reasons why earlier sources failed.
    """
    refusals = []
    for url in urls:
        try:
            listed = releases.parse_sums(await fetch.text(f"{url}/{wanted.checksums}", patience))
        except Unavailable as error:
            refusals.append(str(error))
            continue
        if all(name in listed for name in wanted.files):
            names = (*wanted.files, *wanted.others)
            return {name: listed[name] for name in names if name in listed}, refusals
        refusals.append(f"{fetch.shown(url)}: {wanted.checksums} does not list every file")
    return {}, refusals


def verify(where: str, found: Mapping[str, str], pin: ArtifactPin | None) -> None:
    """Compare checksums with those of the lock file; `where` names their source.

    Raises `KbootstrapError` (KB0912) when one differs from the pin. Files without a pin are accepted.
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
