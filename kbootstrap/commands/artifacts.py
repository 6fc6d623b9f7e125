"""`kbootstrap artifacts pull` and `bundle`: obtain files before they are needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

from kbootstrap.artifacts.obtain import obtain
from kbootstrap.artifacts.opentofu import obtain_tofu
from kbootstrap.artifacts.providers import obtain_provider
from kbootstrap.artifacts.source.recipe import provider_names
from kbootstrap.core.runtime import Runtime
from kbootstrap.distros import of, of_version
from kbootstrap.distros.model import Distribution
from kbootstrap.engine.bundle import Bundled, make_bundle
from kbootstrap.engine.lock_file import settled_lock
from kbootstrap.engine.spec import read_spec
from kbootstrap.spec.lock import Lock

_SPECS = (".yaml", ".yml")


async def pull(names: Iterable[str], arch: str, mirror: str | None, run: Runtime) -> AsyncIterator[Path]:
    """Obtain what each name stands for, in order, and yield the files.

    A name is a version, a spec (all versions of its clusters, as its lock file pins them), `tofu`, or
    `provider-NAME`. `mirror` is tried before the vendor's servers, and before the mirror of a spec.
    """
    for name in names:
        if name == "tofu":
            yield await obtain_tofu(runner=run.runner, emit=run.emit, env=run.env)
            continue
        if name in {f"provider-{known}" for known in provider_names()}:
            yield await obtain_provider(
                name.removeprefix("provider-"), runner=run.runner, emit=run.emit, env=run.env
            )
            continue
        lock = _lock(name)
        for distribution, version, source in _versions(name, mirror):
            kept = await obtain(
                distribution.name,
                version,
                arch,
                runner=run.runner,
                chosen=distribution,
                mirror=source,
                pin=lock.artifact(distribution.name, version) if lock else None,
                emit=run.emit,
                env=run.env,
            )
            for path in kept.paths.values():
                yield path


async def bundle(
    spec: Path, clusters: Iterable[str], arches: Sequence[str], target: Path, run: Runtime
) -> Bundled:
    """Write everything that the clusters of a spec need into one file, for nodes of these architectures."""
    return await make_bundle(spec, clusters, arches, target, run)


def _lock(name: str) -> Lock | None:
    """Return the lock of the spec that a name stands for; None for other names."""
    return settled_lock(read_spec(Path(name))) if name.endswith(_SPECS) else None


def _versions(name: str, mirror: str | None) -> list[tuple[Distribution, str, str | None]]:
    """Return distribution, version and mirror of what a name stands for: a version, or all of a spec."""
    if not name.endswith(_SPECS):
        return [(of_version(name), name, mirror)]
    spec = read_spec(Path(name))
    found = [(of(c.kubernetes), c.kubernetes.version, mirror or c.artifacts.mirror) for c in spec.clusters]
    return list(dict.fromkeys(found))
