"""One cluster of a run: its part of the spec, its provider and distribution, its files, its lock."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from kbootstrap.cluster.lock.holder import user
from kbootstrap.cluster.lock.lease import Lease
from kbootstrap.core import files
from kbootstrap.core.diagnostics import errors, in_order
from kbootstrap.core.errors import SpecInvalid, WrongUsage
from kbootstrap.core.events import of_cluster
from kbootstrap.core.runtime import Runtime
from kbootstrap.core.workspace import ClusterSpace, Workspace
from kbootstrap.distros import of as distribution_of
from kbootstrap.distros.additions import Additions
from kbootstrap.distros.model import Distribution
from kbootstrap.engine.additions import additions
from kbootstrap.engine.lock_file import settled_lock
from kbootstrap.engine.spec import hide_secrets
from kbootstrap.kubeconfig.current import CurrentContext
from kbootstrap.kubeconfig.paths import entry_name
from kbootstrap.providers import find as find_provider
from kbootstrap.providers import names as provider_names
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.model import Provider
from kbootstrap.render.model import RenderedRoot
from kbootstrap.spec import contents
from kbootstrap.spec.lock import Lock
from kbootstrap.spec.model import Cluster, Node, Spec
from kbootstrap.spec.support import unsupported
from kbootstrap.spec.topology import nodes


@dataclass(frozen=True, slots=True)
class Context:
    """The shared context of all stages of one cluster.

    Events of `runtime` carry the cluster's name. `current` is shared by all clusters of the run.
    """

    spec: Spec
    cluster: Cluster
    lock: Lock
    nodes: tuple[Node, ...]
    provider: Provider
    distribution: Distribution
    space: ClusterSpace
    runtime: Runtime
    lease: Lease
    current: CurrentContext

    @property
    def provider_context(self) -> ProviderContext:
        """The argument of the provider's methods: this cluster, and access to this machine."""
        run = self.runtime
        return ProviderContext(
            spec=self.spec,
            cluster=self.cluster,
            lock=self.lock,
            nodes=self.nodes,
            runner=run.runner,
            env=run.env,
            cache=run.cache,
            space=self.space,
            redactor=run.redactor,
            emit=run.emit,
            answers=run.answers,
        )

    async def unprovisioned(self, names: Collection[str]) -> frozenset[str]:
        """Return the nodes without a machine, or with one on which nothing was ever installed."""
        found = await self.provider.inspect(self.provider_context, names=names)
        return frozenset(name for name in names if name in found and found[name].unprovisioned)

    async def location(self) -> str:
        """Return the location of the infrastructure in words; empty if there is only one."""
        location = self.provider.location
        return await location.describe(self.provider_context) if location else ""

    def session(self) -> AbstractAsyncContextManager[None]:
        """Return a context in which the provider logs in to the infrastructure at most once."""
        sessions = self.provider.sessions
        return sessions.keep(self.provider_context) if sessions else nullcontext()

    @property
    def additions(self) -> Additions:
        """What is added to the nodes: by the infrastructure, for the embedded mirror, for autoscaling."""
        return additions(self.provider_context, self.provider, self.distribution)

    async def valid_credentials(self) -> frozenset[str]:
        """Return the marks of the Secret of those additions whose credential is still valid."""
        addons = self.provider.addons
        return await addons.valid_credentials(self.provider_context) if addons else frozenset()

    async def valid_access(self) -> frozenset[str]:
        """Return the marks of the valid credentials of the autoscaler's server."""
        access = self.provider.elastic_access
        return await access.valid(self.provider_context) if access else frozenset()

    @property
    def existing_machines(self) -> Mapping[str, Any] | None:
        """The outputs of a cluster with existing machines; None if OpenTofu creates the machines."""
        existing = self.provider.existing_machines
        return existing.outputs(self.provider_context) if existing else None

    def root(self) -> RenderedRoot:
        """Render this cluster's root."""
        return self.provider.render(self.provider_context)


def contexts(
    spec: Spec, clusters: Iterable[Cluster], runtime: Runtime, *, changing: bool = True
) -> tuple[Context, ...]:
    """Return one context per cluster; raises once with the problems of all clusters.

    `changing` False: the command looks at what is there, or removes it. A key that came into the spec since
    and that this version cannot carry out does not stand in its way; a provider that it lacks does.
    """
    chosen = tuple(clusters)
    concerned = [c for c in chosen if changing or c.provider.name not in provider_names()]
    problems = [problem for cluster in concerned for problem in unsupported(spec, cluster)]
    if problems:
        raise SpecInvalid(f"{spec.path} uses keys that are not supported yet", diagnostics=in_order(problems))
    if changing and (problems := list(contents.problems(spec, concerned, runtime.env))):
        raise SpecInvalid(f"{spec.path} is not valid", diagnostics=in_order(problems))
    hide_secrets(spec, runtime)
    lock = settled_lock(spec)
    current = CurrentContext([entry_name(spec.name, cluster.name) for cluster in chosen])
    found = tuple(
        Context(
            spec,
            cluster,
            lock,
            nodes(cluster, lock),
            find_provider(cluster.provider.name),
            distribution_of(cluster.kubernetes),
            Workspace.beside(spec.path).of(cluster.name),
            replace(runtime, emit=of_cluster(runtime.emit, cluster.name)),
            Lease(cluster.name, runtime.emit),
            current,
        )
        for cluster in chosen
    )
    problems = [problem for one in found for problem in one.provider.validate(spec, one.cluster)]
    if changing:
        problems += [problem for one in found for problem in one.distribution.validate(spec, one.cluster)]
    if errors(problems):
        raise SpecInvalid(f"{spec.path} is not valid", diagnostics=in_order(problems))
    return found


def single_context(
    spec: Spec, cluster: Cluster, lock: Lock, runtime: Runtime, workspace: Workspace | None = None
) -> Context:
    """Return the context of one cluster whose spec and lock are known, for a process that is no run.

    Its lease is never taken. `workspace` is another folder than the one beside the spec.
    """
    return Context(
        spec,
        cluster,
        lock,
        nodes(cluster, lock),
        find_provider(cluster.provider.name),
        distribution_of(cluster.kubernetes),
        (workspace or Workspace.beside(spec.path)).of(cluster.name),
        replace(runtime, emit=of_cluster(runtime.emit, cluster.name)),
        Lease(cluster.name, runtime.emit),
        CurrentContext([entry_name(spec.name, cluster.name)]),
    )


def force_unlock(chosen: Iterable[Context], names: Iterable[str]) -> None:
    """Allow this run to break another run's lock on these clusters; each must be chosen."""
    leases = {context.cluster.name: context.lease for context in chosen}
    for name in names:
        if name not in leases:
            raise WrongUsage(
                f"--force-unlock {name}: this run does not include a cluster of that name",
                hint=f"it includes {', '.join(leases)}",
            )
        leases[name].forced = True


@contextmanager
def locked(context: Context) -> Iterator[None]:
    """Hold the local lock of a cluster during a change; the cluster must belong to this spec."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    who = f"{user()}@{platform.node()}, process {os.getpid()}, since {now}"
    Workspace(context.space.base).make()
    with files.locked(context.space.lock, wait=0, holder=who):
        context.space.claim(context.spec.name, creating=False)
        yield
