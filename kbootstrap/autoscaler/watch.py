"""Reads the infrastructure's list and the Nodes again and again, and compares the state with them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection

from kbootstrap.autoscaler import merge
from kbootstrap.autoscaler.fleet import Fleet
from kbootstrap.autoscaler.model import InstancePhase, Notice, SeenNode
from kbootstrap.autoscaler.ports import ClusterMachines, KubernetesCalls
from kbootstrap.core.errors import KbootstrapError

SOON, LATER = 2.0, 30.0
"""Seconds between two readings: while machines come or go; and otherwise, unless a look is asked for. The
first is a part of the time until a node is ready, because only the list shows that a machine runs."""
LIMIT = 60.0


class Watch:
    """Keeps the state up to date. `busy` returns the instances with a running request."""

    def __init__(
        self,
        fleet: Fleet,
        cloud: ClusterMachines,
        kubernetes: KubernetesCalls,
        busy: Callable[[], Collection[str]],
    ) -> None:
        self._fleet, self._cloud, self._kubernetes, self._busy = fleet, cloud, kubernetes, busy
        self.problem = ""
        """Why the last reading failed; empty if it did not."""

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await self.read()
            moving = any(
                one.phase is not InstancePhase.RUNNING for one in self._fleet.state.instances.values()
            )
            if moving or self.problem:
                await asyncio.sleep(SOON)
                continue
            self._fleet.look.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LATER):
                    await self._fleet.look.wait()

    async def read(self) -> bool:
        """Read both once; return whether that succeeded. A failure is reported, and changes nothing."""
        fleet, asked = self._fleet, self._fleet.clock()
        busy = frozenset(self._busy())
        try:
            async with asyncio.timeout(LIMIT):
                machines, nodes = await asyncio.gather(self._cloud.list(), self._kubernetes.seen_nodes())
                await self._read_shapes()
                await self._keep(nodes)
        except (KbootstrapError, TimeoutError) as error:
            said = error.message if isinstance(error, KbootstrapError) else f"no answer within {LIMIT:.0f} s"
            if not self.problem:
                fleet.note(
                    Notice("ReadingFailed", f"machines and nodes cannot be read: {said}", warning=True)
                )
            self.problem = said
            return False
        state = merge.with_nodes(fleet.state, nodes)
        fleet.become(
            merge.with_machines(state, machines, asked, fleet.clock(), busy | frozenset(self._busy()))
        )
        self.problem, fleet.synced = "", fleet.clock()
        return True

    async def _keep(self, nodes: Collection[SeenNode]) -> None:
        """Mark static nodes: Cluster Autoscaler would drain one before it learns that it must stay."""
        static = {name for group in self._fleet.state.groups.values() for name in group.static}
        for node in nodes:
            if node.name in static and not node.kept:
                await self._kubernetes.keep_node(node.name)

    async def _read_shapes(self) -> None:
        """Read the shapes of flavors that are new; those of a flavor never change."""
        wanted = {group.flavor for group in self._fleet.state.groups.values()}
        if missing := wanted - self._fleet.shapes.keys():
            self._fleet.shapes = {**self._fleet.shapes, **await self._cloud.shapes(missing)}
