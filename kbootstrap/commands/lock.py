"""What `kbootstrap lock` looks up beside images: checksums of artifacts, versions of OpenTofu's providers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from kbootstrap.artifacts import pinned
from kbootstrap.artifacts.source.build import fingerprint
from kbootstrap.engine.context import Context
from kbootstrap.engine.tofu_providers import look_up
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.pins import Artifact

VERSIONS = "versions.tf"
"""The file of a rendered root that names its providers."""


@dataclass(frozen=True, slots=True)
class Found:
    """A lock with what was looked up, and remarks about what could not be."""

    lock: Lock
    remarks: tuple[str, ...] = ()


async def complete(chosen: Sequence[Context], *, upgrade: Collection[str] = ()) -> Found:
    """Return the lock of these clusters with a pin for all that they install, and for their providers.

    What is pinned stays, but for what `upgrade` names (`artifacts`, `providers`). A build's recipe is part of
    this kbootstrap and always the one that it has. That somebody does not answer is no error: see `look_up`.
    """
    lock, remarks = await _artifacts(chosen, chosen[0].lock, upgrade="artifacts" in upgrade)
    roots = [root.files[VERSIONS] for root in (one.root() for one in chosen) if root.providers]
    known = {} if "providers" in upgrade else lock.providers
    providers, told = await look_up(roots, chosen[0].runtime, known)
    whole = len(chosen) == len(chosen[0].spec.clusters)
    lock = replace(lock, providers=providers if whole else {**lock.providers, **providers})
    return Found(lock, (*remarks, *told))


async def _artifacts(chosen: Sequence[Context], lock: Lock, *, upgrade: bool) -> tuple[Lock, list[str]]:
    mirrors: dict[tuple[str, str], str | None] = {}
    for one in chosen:
        kubernetes = one.cluster.kubernetes
        mirrors.setdefault((kubernetes.distribution, kubernetes.version), one.cluster.artifacts.mirror)
    run = chosen[0].runtime

    async def of(distribution: str, version: str) -> tuple[Artifact, tuple[str, ...]]:
        known = None if upgrade else lock.artifact(distribution, version)
        if known is not None:
            return replace(known, recipe=fingerprint(distribution, version)), ()
        mirror = mirrors[distribution, version]
        return await pinned.look_up(distribution, version, mirror=mirror, env=run.env, folder=run.cache)

    remarks = []
    for (name, version), (pin, refusals) in zip(
        mirrors, await asyncio.gather(*(of(*wanted) for wanted in mirrors)), strict=True
    ):
        if pin.published or pin.recipe:
            lock = lock.with_artifact(name, version, pin)
        if refusals:
            remarks.append(_remark(f"{name} {version}", pin, refusals))
    return lock, remarks


def _remark(what: str, pin: Artifact, refusals: Sequence[str]) -> str:
    why = "; ".join(refusals)
    if pin.published:
        return f"{what}: not every place was asked with success: {why}"
    if pin.recipe:
        return f"{what}: no published checksums, only the recipe of its build is pinned: {why}"
    return f"{what}: nothing is pinned: {why}"
