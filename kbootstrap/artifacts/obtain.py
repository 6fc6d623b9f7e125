"""Obtains the files of a version. Order of sources: cache, the spec's mirror, vendor's release, source build.

A source that does not respond or does not have the version is reported and skipped. A source whose files do
not match its checksums stops the command, because an operator must investigate.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from kbootstrap.artifacts import cache, fetch, releases
from kbootstrap.artifacts.cache import Kept
from kbootstrap.artifacts.fetch import Patience, Unavailable
from kbootstrap.artifacts.pinned import verify
from kbootstrap.artifacts.progress import Narrator
from kbootstrap.artifacts.source import recipe
from kbootstrap.artifacts.source.build import SourceBuild, fingerprint
from kbootstrap.artifacts.source.recipe import DistributionRecipe
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.core.events import Emit, nowhere
from kbootstrap.core.process import Runner
from kbootstrap.distros.model import Distribution
from kbootstrap.distros.release import Release
from kbootstrap.spec.pins import ArtifactPin

OFFLINE = "KBOOTSTRAP_OFFLINE"
"""A variable that forbids to fetch and to build: what is not in the cache is missing."""


async def obtain(
    distribution: str,
    version: str,
    arch: str,
    *,
    runner: Runner,
    chosen: Distribution | None = None,
    mirror: str | None = None,
    pin: ArtifactPin | None = None,
    emit: Emit = nowhere,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    releases_url: str | None = None,
    patience: Patience | None = None,
) -> Kept:
    """Return the verified files of a version, with paths and hashes by the vendor's file names.

    `distribution` is the name of a distribution, `version` the version as the vendor writes it
    (`v1.32.0+k3s1`), `arch` `amd64` or `arm64`. `chosen` is the distribution with the choices of a cluster,
    which decide what files it needs; the cache keeps those of all clusters. `mirror` is a base URL with one
    folder per version, `pin` the lock file's entry for this version. `folder` is the cache (default: from
    `env`), `releases_url` the server of the vendor's releases (default: `KBOOTSTRAP_RELEASES_URL`).

    Raises `WrongUsage` (KB0901); `KbootstrapError` for an interrupted download (KB0902), a wrong checksum
    (KB0903), or a checksum that differs from the pinned one (KB0912); `PrerequisiteMissing` for problems with
    the disk (KB0904, KB0905), for missing build requirements (KB0906 to KB0908, KB0910), and when no source
    has the version (KB0909).
    """
    wanted = releases.of(distribution, version, arch, chosen)
    if mirror:
        releases.check_base(mirror)
    env = os.environ if env is None else env
    root = folder or cache.root(env)
    place = cache.place(root, distribution, version, arch)
    urls = releases.folders(wanted, mirror, releases_url or env.get("KBOOTSTRAP_RELEASES_URL"))
    narrator = Narrator(emit, f"obtain {distribution} {version} {arch}")

    async def make(filled: Path) -> str:
        await asyncio.to_thread(cache.reuse, place, filled)
        source, refusals = await released(
            wanted, urls, filled, pin=pin, emit=emit, patience=patience or Patience()
        )
        if source is None:
            found = _recipe(distribution, version, arch, refusals)
            if pin and pin.recipe not in (None, fingerprint(distribution, version)):
                narrator.waiting("the recipe differs from the one in the lock file: kbootstrap lock shows it")
            await SourceBuild(runner, root, env, emit).distribution(found, arch, filled)
        return source or cache.BUILT

    kept = await ensured(place, make, narrator, env, wanted.files)
    if kept.source != cache.BUILT:
        verify(f"the cache ({place})", kept.sha256, pin)
    return kept


async def ensured(
    place: Path,
    make: Callable[[Path], Awaitable[str]],
    narrator: Narrator,
    env: Mapping[str, str],
    names: Sequence[str] = (),
) -> Kept:
    """Return the verified folder `place`; if it does not exist, call `make` to fill one.

    So too if it lacks one of the files `names`. `make` receives an empty folder and returns a description of
    the files' origin. One process at a time fills a folder; a folder that does not match its checksums is
    replaced. Raises `PrerequisiteMissing` (KB0913) instead of calling `make` where `env` forbids it
    (`OFFLINE`).
    """

    def load() -> Kept | None:
        kept = cache.load(place)
        return kept if kept and all(name in kept.sha256 for name in names) else None

    narrator.started()
    try:
        kept = await asyncio.to_thread(load)
        if kept is None:
            if env.get(OFFLINE):
                raise await asyncio.to_thread(_missing, place, names)
            async with cache.locked(place.with_name(f"{place.name}.lock"), narrator.waiting):
                kept = await asyncio.to_thread(load)
                if kept is None:
                    if await asyncio.to_thread(cache.damaged, place):
                        narrator.waiting(f"{place} does not have its checksums any more: obtaining it again")
                    with cache.scratch(place) as filled:
                        kept = await asyncio.to_thread(cache.publish, filled, place, await make(filled))
    except BaseException as error:
        narrator.failed(error)
        raise
    narrator.done(kept.source)
    return kept


async def released(
    wanted: Release,
    urls: Sequence[str],
    folder: Path,
    *,
    emit: Emit,
    patience: Patience,
    pin: ArtifactPin | None = None,
) -> tuple[str | None, list[str]]:
    """Try to download a release into `folder` from each URL in turn.

    Returns the URL that had it, if any, and the reasons why the others failed.
    """
    refusals = []
    for url in urls:
        try:
            await _download(wanted, url, folder, pin=pin, emit=emit, patience=patience)
        except Unavailable as error:
            Narrator(emit, f"ask {fetch.shown(url).split('/')[2] or 'the mirror'}").skipped(str(error))
            refusals.append(str(error))
            _empty(folder)
        else:
            return fetch.shown(url), refusals
    return None, refusals


async def _download(
    wanted: Release, url: str, folder: Path, *, pin: ArtifactPin | None, emit: Emit, patience: Patience
) -> None:
    """Download the files of a release. Verifies the published checksums against the pin, then the files."""
    sums = releases.parse_sums(await fetch.text(f"{url}/{wanted.checksums}", patience))
    unlisted = [name for name in wanted.files if name not in sums]
    if unlisted:
        raise Unavailable(f"{fetch.shown(url)}: {wanted.checksums} does not list {', '.join(unlisted)}")
    verify(fetch.shown(url), {name: sums[name] for name in wanted.files}, pin)
    for name in wanted.files:
        if (folder / name).exists() and await asyncio.to_thread(cache.sha256, folder / name) == sums[name]:
            continue
        (folder / name).unlink(missing_ok=True)
        narrator = Narrator(emit, f"download {name} {wanted.tag}")
        narrator.started(fetch.shown(url))

        def report(done: int, total: int | None, narrator: Narrator = narrator) -> None:
            narrator.progress(done, total, "bytes")

        try:
            found = await fetch.download(f"{url}/{name}", folder / name, patience, report)
            _check(f"{url}/{name}", found, sums[name])
        except BaseException as error:
            narrator.failed(error)
            raise
        (folder / name).chmod(0o644 if "." in name else 0o755)
        narrator.done()


def _missing(place: Path, names: Sequence[str]) -> PrerequisiteMissing:
    """Return the error of an offline run for a folder of the cache that lacks something."""
    what, kept = " ".join(place.parts[-3:]), cache.load(place)
    if kept:
        what = f"{', '.join(name for name in names if name not in kept.sha256)} of {what}"
    return PrerequisiteMissing(
        f"the cache does not have {what}, and this run is offline ({OFFLINE})",
        hint="make the bundle again with `kbootstrap artifacts bundle`, for this spec and the architecture "
        "of its nodes (--arch)",
        code="KB0913",
    )


def _empty(folder: Path) -> None:
    """Remove the files of a source that turned out to be incomplete."""
    for path in folder.iterdir():
        path.unlink()


def _recipe(distribution: str, version: str, arch: str, refusals: Sequence[str]) -> DistributionRecipe:
    found = recipe.distribution(distribution, version)
    if found is None:
        known = "; ".join(
            f"{name} {', '.join(recipe.distribution_versions(name))}" for name in recipe.distributions()
        )
        raise PrerequisiteMissing(
            f"no source has {distribution} {version} for {arch}, and there is no recipe to build it",
            hint=f"check version and network, or set artifacts.mirror; recipes exist for {known}",
            detail="\n".join(refusals),
            code="KB0909",
        )
    return found


def _check(url: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise KbootstrapError(
            f"{fetch.shown(url)} does not have its published checksum",
            hint="nothing was kept; find out where this file comes from before you continue",
            detail=f"published {wanted}\nreceived  {found}",
            code="KB0903",
        )
