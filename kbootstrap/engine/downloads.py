"""Obtains the artifacts of a cluster, beside other work and before it is certain that they are needed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from kbootstrap.artifacts.cache import Kept
from kbootstrap.artifacts.obtain import obtain
from kbootstrap.core.events import Emit, Event
from kbootstrap.engine.context import Context

PHASE = "artifacts"
LIKELY = "amd64"
"""The architecture of machines that nothing has observed yet; for others its files are obtained in vain."""


async def obtain_files(context: Context, arch: str, emit: Emit) -> Kept:
    """Obtain the distribution's files for nodes of an architecture; raises as `artifacts.obtain`."""
    run, cluster = context.runtime, context.cluster
    distribution, version = cluster.kubernetes.distribution, cluster.kubernetes.version
    return await obtain(
        distribution,
        version,
        arch,
        runner=run.runner,
        chosen=context.distribution,
        mirror=cluster.artifacts.mirror,
        pin=context.lock.artifact(distribution, version),
        emit=emit,
        env=run.env,
        folder=run.cache,
    )


@dataclass(slots=True)
class Downloads:
    """The artifacts of one cluster, by architecture. A result is used once: every use verifies the files.

    Nothing is reported before they are awaited: it would be in the way of a question to the operator.
    """

    context: Context
    _awaited: bool = field(default=False, init=False)
    _begun: dict[str, asyncio.Task[Kept]] = field(default_factory=dict, init=False)

    def begin(self, arch: str = LIKELY) -> None:
        """Begin to obtain the files for an architecture, unless that has begun."""
        if arch not in self._begun:
            self._begun[arch] = asyncio.create_task(self._obtain(arch))

    async def obtain(self, arch: str) -> Kept:
        """Return the files for an architecture; raises as `artifacts.obtain`. Others that have begun stop."""
        begun, self._awaited = self._begun.pop(arch, None), True
        await self.end()
        return await (begun or self._obtain(arch))

    async def end(self) -> None:
        """Stop what has begun; never raises."""
        left = [self._begun.pop(arch) for arch in list(self._begun)]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _obtain(self, arch: str) -> Kept:
        return await obtain_files(self.context, arch, self._emit)

    def _emit(self, event: Event) -> None:
        if self._awaited:  # its task has the phase in which it began
            self.context.runtime.emit(replace(event, phase=event.phase or PHASE))
