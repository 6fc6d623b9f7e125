"""`kbootstrap lock`: pins images, checksums of artifacts, and versions of OpenTofu's providers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kbootstrap.artifacts import pinned
from kbootstrap.artifacts.source.build import fingerprint
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.lock_file import keep_lock, lock_differences
from kbootstrap.engine.pin import pin
from kbootstrap.engine.spec import choose, read_spec
from kbootstrap.engine.tofu_providers import look_up
from kbootstrap.spec.lock import Lock, lock_path
from kbootstrap.spec.pins import ArtifactPin

VERSIONS = "versions.tf"
"""The file of a rendered root that names its providers."""


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A lock with the values that were looked up, and remarks about those that could not be."""

    lock: Lock
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LockResult:
    """The changes of the lock file (a unified diff), and remarks about values that could not be looked up."""

    path: Path
    differences: str
    remarks: tuple[str, ...]
    written: bool


async def lock(
    spec: Path, clusters: Iterable[str], run: Runtime, *, check: bool, upgrade: Collection[str] = ()
) -> LockResult:
    """Look up everything that the lock file pins, and write it unless `check`."""
    loaded = read_spec(spec)
    chosen = contexts(loaded, choose(loaded, clusters), run)
    found = await complete(await pin(chosen, upgrade="image" in upgrade), upgrade=upgrade)
    differences = lock_differences(loaded, found.lock)
    written = not check and keep_lock(loaded, found.lock)
    return LockResult(lock_path(spec), differences, found.remarks, written)


async def complete(chosen: Sequence[Context], *, upgrade: Collection[str] = ()) -> LookedUp:
    """Return the lock of these clusters with pins for everything that they install, and for their providers.

    What is pinned stays, but for what `upgrade` names (`artifacts`, `providers`). A build's recipe is part of
    this kbootstrap and always the one that it has. A source that does not answer is no error: see `look_up`.
    """
    lock, remarks = await _artifacts(chosen, chosen[0].lock, upgrade="artifacts" in upgrade)
    roots = [root.files[VERSIONS] for root in (one.root() for one in chosen) if root.providers]
    known = {} if "providers" in upgrade else lock.providers
    providers, provider_remarks = await look_up(roots, chosen[0].runtime, known)
    whole = len(chosen) == len(chosen[0].spec.clusters)
    lock = replace(lock, providers=providers if whole else {**lock.providers, **providers})
    return LookedUp(lock, (*remarks, *provider_remarks))


async def _artifacts(chosen: Sequence[Context], lock: Lock, *, upgrade: bool) -> tuple[Lock, list[str]]:
    mirrors: dict[tuple[str, str], str | None] = {}
    for one in chosen:
        kubernetes = one.cluster.kubernetes
        mirrors.setdefault((kubernetes.distribution, kubernetes.version), one.cluster.artifacts.mirror)
    run = chosen[0].runtime

    async def of(distribution: str, version: str) -> tuple[ArtifactPin, tuple[str, ...]]:
        known = None if upgrade else lock.artifact(distribution, version)
        if known is not None:
            return replace(known, recipe=fingerprint(distribution, version)), ()
        mirror = mirrors[distribution, version]
        return await pinned.look_up(distribution, version, mirror=mirror, env=run.env, folder=run.cache)

    remarks = []
    for (name, version), (found, refusals) in zip(
        mirrors, await asyncio.gather(*(of(*wanted) for wanted in mirrors)), strict=True
    ):
        if found.published or found.recipe:
            lock = lock.with_artifact(name, version, found)
        if refusals:
            remarks.append(_remark(f"{name} {version}", found, refusals))
    return lock, remarks


def _remark(what: str, pin: ArtifactPin, refusals: Sequence[str]) -> str:
    why = "; ".join(refusals)
    if pin.published:
        return f"{what}: not every source answered: {why}"
    if pin.recipe:
        return f"{what}: no published checksums, only the recipe of its build is pinned: {why}"
    return f"{what}: nothing is pinned: {why}"
