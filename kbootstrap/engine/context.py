"""One cluster of a run: the spec's part, what carries it out, and where its files are."""

from __future__ import annotations

import difflib
import os
import platform
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kbootstrap.cluster.lock.holder import user
from kbootstrap.cluster.lock.lease import Lease
from kbootstrap.cluster.snapshots.settings import read_keys, read_passphrase
from kbootstrap.core import files
from kbootstrap.core.diagnostics import Diagnostic, Severity, errors, in_order
from kbootstrap.core.errors import CredentialsRefused, SpecInvalid, WrongUsage
from kbootstrap.core.runtime import Runtime
from kbootstrap.core.workspace import ClusterSpace, Workspace
from kbootstrap.distros import find as find_distribution
from kbootstrap.distros.additions import Additions
from kbootstrap.distros.model import Distribution
from kbootstrap.providers import find as find_provider
from kbootstrap.providers import names as provider_names
from kbootstrap.providers.model import Provider, Surroundings
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec import contents, lockfile
from kbootstrap.spec import lock as locks
from kbootstrap.spec.load import load
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Spec
from kbootstrap.spec.references import Reader
from kbootstrap.spec.support import unsupported
from kbootstrap.spec.topology import nodes


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that the stages of one cluster share."""

    spec: Spec
    cluster: Cluster
    lock: Lock
    nodes: tuple[Node, ...]
    provider: Provider
    distribution: Distribution
    space: ClusterSpace
    runtime: Runtime
    lease: Lease

    @property
    def around(self) -> Surroundings:
        """What the provider may use of this machine."""
        run = self.runtime
        return Surroundings(run.runner, run.env, run.cache, self.space, run.redactor, run.emit)

    async def blank(self, names: Collection[str]) -> frozenset[str]:
        """Return those nodes that have no machine, or one on which nothing was ever installed."""
        return await self.provider.blank(self.spec, self.cluster, names, self.around)

    @property
    def additions(self) -> Additions:
        """What the infrastructure adds to the nodes."""
        return self.provider.additions(self.spec, self.cluster)

    async def good_marks(self) -> frozenset[str]:
        """Return the marks of the Secret of those additions that are still good."""
        return await self.provider.good_marks(self.spec, self.cluster, self.around)

    @property
    def given(self) -> Mapping[str, Any] | None:
        """The outputs of a cluster whose machines exist already; None where OpenTofu makes them."""
        return self.provider.given(self.spec, self.cluster, self.nodes)

    def root(self) -> RenderedRoot:
        """Render this cluster's root."""
        return self.provider.render(self.spec, self.cluster, self.lock)


def read_spec(path: Path, warn: Callable[[Sequence[Diagnostic]], None] | None = None) -> Spec:
    """Load a spec, or raise `SpecInvalid` with all its problems; `warn` gets what does not stop anything."""
    loaded = load(path)
    if loaded.spec is None:
        raise SpecInvalid(f"{path} is not valid", diagnostics=loaded.diagnostics)
    if warn:
        own = (d for d in settings_problems(loaded.spec) if d.severity is Severity.WARNING)
        if told := in_order([*loaded.diagnostics, *own]):
            warn(told)
    return loaded.spec


def settings_problems(spec: Spec) -> tuple[Diagnostic, ...]:
    """Return what providers find in their clusters' settings; those that are not there yet find nothing."""
    known = provider_names()
    return tuple(
        problem
        for cluster in spec.clusters
        if cluster.provider.name in known
        for problem in find_provider(cluster.provider.name).problems(spec, cluster)
    )


def choose(spec: Spec, names: Iterable[str]) -> tuple[Cluster, ...]:
    """Return the clusters that `--cluster` names, in the order of the spec; all without it."""
    wanted = tuple(names)
    known = [cluster.name for cluster in spec.clusters]
    for name in wanted:
        if name not in known:
            raise WrongUsage(
                f"{spec.path} has no cluster '{name}'", hint=f"it has: {', '.join(known)}", code="KB0401"
            )
    return tuple(c for c in spec.clusters if not wanted or c.name in wanted)


def hide_secrets(spec: Spec, runtime: Runtime) -> None:
    """Make all secrets that the spec names known to the redactor, also those that this command does not need.

    What is not there is passed over: whoever needs it tells.
    """
    reader = Reader(spec.path.parent, runtime.env, "hiding it", "KB0871")
    of_snapshots = [one.snapshots for one in spec.clusters if one.snapshots]
    for reference in (spec.state.passphrase, *(one.passphrase for one in of_snapshots)):
        if reference:
            with suppress(CredentialsRefused):
                read_passphrase(reference, reader, runtime.redactor)
    for bucket in (one.s3 for one in of_snapshots if one.s3):
        with suppress(CredentialsRefused):
            read_keys(bucket, reader, runtime.redactor)


def contexts(
    spec: Spec, clusters: Iterable[Cluster], runtime: Runtime, *, changing: bool = True
) -> tuple[Context, ...]:
    """Return one context per cluster; refuse, for all of them together, what cannot be done yet.

    `changing` False: the command looks at what is there, or removes it. A key that came into the spec since
    and that this version cannot carry out does not stand in its way; a provider that it lacks does.
    """
    chosen = tuple(clusters)
    concerned = [c for c in chosen if changing or c.provider.name not in provider_names()]
    problems = [problem for cluster in concerned for problem in unsupported(spec, cluster)]
    if problems:
        raise SpecInvalid(f"{spec.path} uses what is not supported yet", diagnostics=in_order(problems))
    if changing and (problems := list(contents.problems(spec, concerned, runtime.env))):
        raise SpecInvalid(f"{spec.path} is not valid", diagnostics=in_order(problems))
    hide_secrets(spec, runtime)
    lock = settled_lock(spec)
    found = tuple(
        Context(
            spec,
            cluster,
            lock,
            nodes(cluster, lock),
            find_provider(cluster.provider.name),
            find_distribution(cluster.kubernetes.distribution),
            Workspace.beside(spec.path).of(cluster.name),
            runtime,
            Lease(cluster.name, runtime.emit),
        )
        for cluster in chosen
    )
    problems = [problem for one in found for problem in one.provider.problems(spec, one.cluster)]
    if errors(problems):
        raise SpecInvalid(f"{spec.path} is not valid", diagnostics=in_order(problems))
    return found


def force_unlock(chosen: Iterable[Context], names: Iterable[str]) -> None:
    """Let the runs of these clusters take the lock from whoever holds it; each must be one that is chosen."""
    leases = {context.cluster.name: context.lease for context in chosen}
    for name in names:
        if name not in leases:
            raise WrongUsage(
                f"--force-unlock {name}: this run is not about a cluster of that name",
                hint=f"it is about {', '.join(leases)}",
            )
        leases[name].forced = True


def settled_lock(spec: Spec) -> Lock:
    """Return the lock of a spec with a place for every pool; nothing is written."""
    return locks.allocate(spec, lockfile.load(locks.lock_path(spec.path)))


def keep_lock(spec: Spec, lock: Lock) -> bool:
    """Write the lock file when it says something new; tell whether it did."""
    return files.write_if_changed(locks.lock_path(spec.path), locks.dump(lock))


def lock_differences(spec: Spec, lock: Lock) -> str:
    """Return how the lock file would change, as a unified diff; empty where it would not."""
    path = locks.lock_path(spec.path)
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), locks.dump(lock).splitlines(keepends=True), path.name, path.name, n=2
    )
    return "".join(lines)


@contextmanager
def held(context: Context) -> Iterator[None]:
    """Hold the lock of a cluster while it is changed from this machine; it must be of this spec."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    who = f"{user()}@{platform.node()}, process {os.getpid()}, since {now}"
    Workspace(context.space.base).make()
    with files.locked(context.space.lock, wait=0, holder=who):
        context.space.claim(context.spec.name, making=False)
        yield
