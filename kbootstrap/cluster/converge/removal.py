"""How nodes leave the cluster: each by its own steps, servers one by one, agents in parallel.

    cordon ─ drain ─ hand over ─ stop the service ─ delete the Node object ─ (OpenTofu destroys the machine)
                     (servers)                                             └ (one that stays: uninstalled)

When pods cannot be moved, the node is uncordoned, and nothing else was done to it. So are the nodes that were
cordoned to leave after it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from kbootstrap.cluster.api.model import Api
from kbootstrap.cluster.api.observe import patiently
from kbootstrap.cluster.converge import drain
from kbootstrap.cluster.converge.hand_over import hand_over, has_stopped
from kbootstrap.cluster.converge.node_actions import note_removed, prevent_restart, stop_service
from kbootstrap.cluster.converge.reporting import StepReporter
from kbootstrap.cluster.converge.uninstall import uninstall
from kbootstrap.cluster.converge.watch import NodeWatch
from kbootstrap.cluster.decide.host_record import RECORD, entry
from kbootstrap.cluster.state.recorded import Recorded
from kbootstrap.cluster.steps.base import RemovalStep
from kbootstrap.cluster.steps.membership import Uncordon
from kbootstrap.cluster.steps.removal import Cordon
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Emit
from kbootstrap.distros.model import Distribution
from kbootstrap.hosts.model import Host

STAYS = "it cannot be removed now, and stays"


@dataclass(frozen=True, slots=True)
class NodeRemover:
    """Removes nodes from one cluster. Each step is reported through `emit`.

    `delete` deletes the machine of a node, by name, where the infrastructure has elastic machines.
    """

    cluster: str
    distro: Distribution
    api: Api
    emit: Emit
    delete: Callable[[str], Awaitable[None]] | None = None

    async def clear(self, node: str, steps: Sequence[RemovalStep], *, seconds: float) -> None:
        """Drain a node, the first part of its removal; `seconds` is how long pods may take.

        Raises `DeadlinePassed` or `InstallFailed` where they do not leave; then the node is uncordoned, and
        pods that left run elsewhere.
        """
        run = _NodeRun(node, self, NodeWatch(self.api), seconds=seconds)
        try:
            for step in (step for step in steps if step.clearing):
                await self._carry_out(step, run)
        except KbootstrapError:
            await self.give_back({node: steps})
            raise

    async def give_back(self, nodes: Mapping[str, Sequence[RemovalStep]], why: str = STAYS) -> None:
        """Uncordon nodes that were to leave, each with its steps.

        An API that does not answer is reported, not raised: the next run does it.
        """

        async def one(name: str) -> None:
            with contextlib.suppress(KbootstrapError):
                await self._carry_out(Uncordon(node=name, why=why), _NodeRun(name, self, NodeWatch(self.api)))

        cordoned = [n for n, steps in nodes.items() if any(isinstance(step, Cordon) for step in steps)]
        await asyncio.gather(*(one(name) for name in cordoned))

    async def depart(self, node: str, steps: Sequence[RemovalStep], host: Host | None) -> None:
        """Remove a drained node from the cluster. `host` is None if the machine does not answer."""
        run = _NodeRun(node, self, NodeWatch(self.api), host)
        for step in (step for step in steps if not step.clearing):
            await self._carry_out(step, run)

    async def _carry_out(self, step: RemovalStep, run: _NodeRun) -> None:
        with StepReporter(self.cluster, self.emit).report(step) as waiting:
            await step.carry_out(replace(run, waiting=waiting))


def _ignore(_: str) -> None:
    """Wait without a report."""


@dataclass(frozen=True, slots=True)
class _NodeRun:
    """Implements `RemovalRun` for the node `name`.

    `host` is None where its machine does not answer, `seconds` how long its pods may take to leave, and
    `waiting` is called with what a step waits for.
    """

    name: str
    remover: NodeRemover
    watch: NodeWatch
    host: Host | None = None
    seconds: float = 0.0
    waiting: Callable[[str], None] = _ignore

    async def cordon(self) -> None:
        await drain.cordon(self.remover.api, self.name)

    async def uncordon(self) -> None:
        await drain.uncordon(self.remover.api, self.name)

    async def drain(self) -> None:
        await drain.drain(self.remover.api, self.name, self.seconds, self.waiting)

    async def hand_over(self) -> None:
        if self.host:
            await hand_over(self.host, self.remover.distro)

    async def wait_joined(self) -> None:
        await self.watch.joined(self.name)

    async def prevent_restart(self, unit: str) -> None:
        if self.host:
            await prevent_restart(self.host, unit)

    async def stop_service(self, unit: str) -> None:
        if self.host:
            await stop_service(self.host, unit, self.remover.distro)

    async def forget_node(self, *, member: bool) -> None:
        if member and self.host:
            await note_removed(self.host)
        stopped = partial(has_stopped, self.host, self.remover.distro) if member and self.host else None
        await self.watch.forget(self.name, stopped)
        api, secret = self.remover.api, self.remover.distro.password_secret(self.name)
        await patiently(partial(api.delete_secret, secret))

    async def uninstall(self) -> None:
        if self.host is None:
            raise RuntimeError(f"no connection to {self.name}")
        await uninstall(self.host, self.remover.distro, self.remover.cluster)

    async def delete_machine(self) -> None:
        if self.remover.delete is None:
            raise RuntimeError(f"the machine of {self.name} cannot be deleted")
        await self.remover.delete(self.name)

    async def record_host(self, machine: Recorded | None) -> None:
        change = {self.name: entry(machine) if machine else None}
        await patiently(partial(self.remover.api.put_config, RECORD, change))
