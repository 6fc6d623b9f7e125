"""OpenTofu's providers: their pinned versions, and their sources."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kbootstrap.artifacts.progress import Narrator
from kbootstrap.artifacts.providers import obtain_provider
from kbootstrap.artifacts.source.recipe import TofuProvider as Recipe
from kbootstrap.artifacts.source.recipe import provider, provider_names
from kbootstrap.core import files
from kbootstrap.core.errors import TofuFailed
from kbootstrap.core.runtime import Runtime
from kbootstrap.spec.pins import ProviderPin
from kbootstrap.tofu import locked
from kbootstrap.tofu.environment import environment
from kbootstrap.tofu.find import find
from kbootstrap.tofu.mirror import configured, with_mirror
from kbootstrap.tofu.run import Tofu

UNREACHED = "KB0506"
"""OpenTofu's failure to install a provider."""


async def initialised(
    tofu: Tofu,
    run: Runtime,
    providers: Sequence[str],
    pins: Mapping[str, ProviderPin] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Tofu:
    """Return OpenTofu after `init`, with the versions of providers that the lock file pins.

    Providers that no registry gave are obtained without one: from kbootstrap's mirror, with the version that
    can be built. Not where the operator has a configuration of their own: that says where they come from.
    `meanwhile` is called if `init` has to run.
    """
    pins = pins or {}
    recipes = [provider(name) for name in providers if name in provider_names()]
    fitting = [one.name for one in recipes if _fits(one, pins)]
    plain = tofu.env
    tofu = replace(tofu, env=with_mirror(plain, run.cache, fitting))
    mirrored = {one.source for one in recipes if one.name in fitting} if tofu.env != plain else set()
    locked.forget(tofu.root, mirrored, signed=True)
    locked.seed(tofu.root, tofu.binary.product, {s: p for s, p in pins.items() if s not in mirrored})
    if meanwhile and not tofu.is_initialised:
        meanwhile()
    try:
        await tofu.init()
    except TofuFailed as error:
        if error.code != UNREACHED or not recipes or configured(tofu.env):
            raise
        for one in recipes:
            if not _fits(one, pins):
                Narrator(run.emit, f"obtain {one.source}").waiting(
                    f"no registry gives {pins[one.source].version}, which the lock file pins: "
                    f"{one.version} is used"
                )
            await obtain_provider(one.name, runner=run.runner, emit=run.emit, env=run.env, folder=run.cache)
        locked.forget(tofu.root, [one.source for one in recipes])
        tofu = replace(tofu, env=with_mirror(tofu.env, run.cache, [one.name for one in recipes]))
        await tofu.init()
    return tofu


def _fits(one: Recipe, pins: Mapping[str, ProviderPin]) -> bool:
    return one.source not in pins or pins[one.source].version == one.version


async def look_up(
    versions: Collection[str], run: Runtime, pins: Mapping[str, ProviderPin]
) -> tuple[dict[str, ProviderPin], tuple[str, ...]]:
    """Return a pin for every provider that the roots require, and remarks for people.

    `versions` are the texts of the roots' `versions.tf`, `pins` what stays as it is. OpenTofu itself asks the
    registries, in a folder that is removed. Where none answers, the version is pinned that can be built.
    Raises `PrerequisiteMissing` without OpenTofu, where something must be looked up.
    """
    found: dict[str, ProviderPin] = {}
    remarks: list[str] = []
    for text in dict.fromkeys(versions):
        wanted = locked.sources(text)
        if any(source not in pins for source in wanted):
            asked, more = await _ask(text, wanted, run)
            found |= asked
            remarks += more
        found |= {source: pins[source] for source in wanted if source in pins}
    return found, tuple(remarks)


async def _ask(
    text: str, wanted: Sequence[str], run: Runtime
) -> tuple[dict[str, ProviderPin], tuple[str, ...]]:
    binary = await find(run.runner, run.env, run.cache, run.tofu)
    with tempfile.TemporaryDirectory(prefix="kbootstrap-lock-") as place:
        root = Path(place) / "root"
        files.write(root / "versions.tf", text)
        # A separate cache: registries report hashes only for packages that were just fetched.
        env = {**environment(run.env, run.cache), "TF_PLUGIN_CACHE_DIR": f"{place}/plugins"}
        tofu = Tofu(
            root=root,
            binary=binary,
            runner=run.runner,
            env=env,
            cluster="",
            redactor=run.redactor,
            emit=run.emit,
        )
        try:
            await tofu.init()
        except TofuFailed as error:
            return _without_registry(wanted, error)
        there = locked.read((root / locked.NAME).read_text(encoding="utf-8"))
    return {source: locked.published(pin) for source, pin in there.items() if source in wanted}, ()


def _without_registry(
    wanted: Sequence[str], error: TofuFailed
) -> tuple[dict[str, ProviderPin], tuple[str, ...]]:
    if error.code != UNREACHED:
        raise error
    recipes = {one.source: one for one in map(provider, provider_names())}
    found = {source: ProviderPin(recipes[source].version) for source in wanted if source in recipes}
    remarks = [
        f"no registry of providers answers: {source} is pinned to {found[source].version}, which can be built"
        if source in found
        else f"no registry of providers answers: the version of {source} stays open"
        for source in wanted
    ]
    return found, tuple(remarks)
