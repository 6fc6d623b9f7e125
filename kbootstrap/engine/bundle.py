"""Makes a bundle for the clusters of a spec, and lets a run use one instead of the network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from kbootstrap.artifacts import cache
from kbootstrap.artifacts.bundle.contents import BundledFolder
from kbootstrap.artifacts.cache import Kept
from kbootstrap.artifacts.obtain import OFFLINE
from kbootstrap.artifacts.opentofu import link_tofu, obtain_tofu
from kbootstrap.artifacts.progress import Narrator
from kbootstrap.artifacts.providers import link_provider, obtain_provider
from kbootstrap.artifacts.source import machine, recipe
from kbootstrap.artifacts.source.built_images import obtain_image
from kbootstrap.artifacts.source.recipe import built_image
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing, WrongUsage
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.cluster_plan import ClusterPlan
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.downloads import obtain_files
from kbootstrap.engine.spec import choose, read_spec

_CONSTANT = "1970-01-01T00:00:00Z"
"""The time in the list of contents, unless the environment says another one."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """A bundle that was written: its SHA-256, its size in bytes, and what is in it."""

    sha256: str
    size: int
    folders: tuple[Kept, ...]


async def make_bundle(
    spec: Path, clusters: Iterable[str], arches: Sequence[str], target: Path, run: Runtime
) -> Bundled:
    """Obtain everything that the clusters need, for nodes of these architectures, and write the bundle."""
    from kbootstrap.artifacts.bundle.write import write

    loaded = read_spec(spec)
    chosen = contexts(loaded, choose(loaded, clusters), run)
    found: dict[Path, Kept] = {}
    for context in chosen:
        for arch in arches:
            for kept in await _of_nodes(context, arch):
                _add(found, kept)
        for kept in await _tools(context):
            _add(found, kept)
    folders = tuple(found.values())
    digest = await asyncio.to_thread(write, target, folders, _time(run))
    return Bundled(digest, await asyncio.to_thread(lambda: target.stat().st_size), folders)


def _add(found: dict[Path, Kept], kept: Kept) -> None:
    """Add a folder, or the files that a cluster needs of one that other clusters need as well."""
    before = found.get(kept.folder)
    found[kept.folder] = replace(kept, sha256={**before.sha256, **kept.sha256}) if before else kept


async def use_bundle(path: Path, spec: Path, clusters: Iterable[str], run: Runtime) -> Runtime:
    """Return the runtime of a run that takes everything from a bundle, after it was verified as a whole.

    Raises `KbootstrapError` if it is damaged (KB0914) or does not fit (KB0915); then nothing was changed.
    """
    from kbootstrap.artifacts.bundle.read import unpack, verified

    loaded = read_spec(spec)
    chosen = contexts(loaded, choose(loaded, clusters), run)
    narrator = Narrator(run.emit, f"verify the bundle {path.name}")
    narrator.started()
    try:
        folders = await asyncio.to_thread(verified, path)
        found = {one.key: one for context in chosen for one in _needed(path, context, folders)}
        needed = list(found.values())
        await unpack(path, needed, run.cache, narrator.waiting)
        await asyncio.to_thread(_link, needed, run.cache)
    except BaseException as error:
        narrator.failed(error)
        raise
    narrator.done(f"{len(needed)} versions")
    return replace(run, env={**run.env, OFFLINE: "1"})


def verify_cached(plans: Iterable[ClusterPlan]) -> None:
    """Raise if the cache does not have the files for the architectures of the nodes, for an offline run.

    Called with the plans, before anything is changed. Machines that the plan creates are not known yet.
    """
    for plan in plans:
        _verify_cached(plan)


def _verify_cached(plan: ClusterPlan) -> None:
    context, nodes = plan.context, plan.nodes
    if nodes is None or not nodes.plan.artifacts:
        return
    kubernetes = context.cluster.kubernetes
    for arch in sorted(nodes.arches):
        kept = cache.read(
            cache.place(context.runtime.cache, kubernetes.distribution, kubernetes.version, arch)
        )
        there = kept.sha256 if kept else {}
        if any(name not in there for name in _files(context, arch)):
            raise PrerequisiteMissing(
                f"cluster {context.cluster.name} has nodes of the architecture {arch}, and the files of "
                f"{kubernetes.distribution} {kubernetes.version} for it are not there",
                hint=f"make the bundle again: kbootstrap artifacts bundle … --arch {arch}",
                code="KB0913",
            )


def _files(context: Context, arch: str) -> list[str]:
    """Return the names of the distribution's files that nodes of an architecture need."""
    found = context.distribution.artifacts(context.cluster.kubernetes.version, arch)
    return [artifact.name for artifact in found]


async def _of_nodes(context: Context, arch: str) -> list[Kept]:
    """Obtain what nodes of an architecture need, without what the cache has for other clusters."""
    run = context.runtime
    own = await obtain_files(context, arch, run.emit)
    images = [
        await obtain_image(wanted, arch, runner=run.runner, emit=run.emit, env=run.env, folder=run.cache)
        for wanted in map(built_image, context.additions.images)
    ]
    return [replace(own, sha256={name: own.sha256[name] for name in _files(context, arch)}), *images]


async def _tools(context: Context) -> list[Kept]:
    """Obtain what runs on the operator's machine: OpenTofu and its providers."""
    run = context.runtime
    for name, _, _ in _tool_keys(context):
        if name == "tofu":
            await obtain_tofu(runner=run.runner, emit=run.emit, env=run.env, folder=run.cache)
        else:
            provider = name.removeprefix("provider-")
            await obtain_provider(provider, runner=run.runner, emit=run.emit, env=run.env, folder=run.cache)
    places = [cache.place(run.cache, *key) for key in _tool_keys(context)]
    return [kept for kept in [await asyncio.to_thread(cache.load, one) for one in places] if kept]


def _tool_keys(context: Context) -> list[tuple[str, str, str]]:
    """Return name, version and architecture of what runs on the operator's machine."""
    if context.existing_machines is not None:
        return []
    arch = machine.architecture()
    providers = [recipe.provider(one) for one in context.root().providers if one in recipe.provider_names()]
    return [
        ("tofu", f"v{recipe.tofu_version()}", arch),
        *((one.step, f"v{one.version}", arch) for one in providers),
    ]


def _needed(path: Path, context: Context, folders: Sequence[BundledFolder]) -> list[BundledFolder]:
    """Return the folders that a cluster needs; raises for one that the bundle does not have.

    The architecture of nodes that do not exist yet is not known, so one of them is enough.
    """
    there = {one.key: one for one in folders}
    kubernetes = context.cluster.kubernetes
    own = (kubernetes.distribution, kubernetes.version)
    arches = [arch for name, version, arch in there if (name, version) == own]
    here = machine.architecture()
    if context.provider.traits.on_this_machine:
        arches = [arch for arch in arches if arch == here]
    if not arches:
        on = (
            f" for {here}, the architecture of this machine"
            if context.provider.traits.on_this_machine
            else ""
        )
        raise _unfit(path, context, f"{kubernetes.distribution} {kubernetes.version}{on}", folders)
    for arch in arches:
        lacking = [name for name in _files(context, arch) if name not in there[*own, arch].files]
        if lacking:
            raise _unfit(path, context, f"{', '.join(lacking)} of {there[*own, arch].title}", folders)
    keys = [(*own, arch) for arch in arches]
    keys += [(name, version, arch) for name, version in context.additions.images for arch in arches]
    keys += _tool_keys(context)
    for key in keys:
        if key not in there:
            raise _unfit(path, context, " ".join(key), folders)
    return [there[key] for key in keys]


def _unfit(path: Path, context: Context, missing: str, folders: Sequence[BundledFolder]) -> KbootstrapError:
    return WrongUsage(
        f"the bundle {path} does not have {missing}, which cluster {context.cluster.name} needs",
        hint="make a bundle for this spec: kbootstrap artifacts bundle",
        detail="it has:\n" + "\n".join(one.title for one in folders),
        code="KB0915",
    )


def _link(needed: Iterable[BundledFolder], root: Path) -> None:
    """Let kbootstrap find OpenTofu and its providers in the cache."""
    providers = {recipe.provider(name).step: recipe.provider(name) for name in recipe.provider_names()}
    for one in needed:
        place = cache.place(root, *one.key)
        if one.name == "tofu":
            link_tofu(root, place)
        elif one.name in providers:
            link_provider(root, providers[one.name], place)


def _time(run: Runtime) -> str:
    """Return the time for the list of contents (reproducible-builds.org, `SOURCE_DATE_EPOCH`)."""
    said = run.env.get("SOURCE_DATE_EPOCH", "")
    if not said.isdigit() or len(said) > 10:
        return _CONSTANT
    return f"{datetime.fromtimestamp(int(said), UTC):%Y-%m-%dT%H:%M:%SZ}"
