"""Does the work that follows from the state, with bounds and deadlines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from kbootstrap.autoscaler import outcomes
from kbootstrap.autoscaler.fleet import Fleet
from kbootstrap.autoscaler.model import DEADLINE, Fault, InstancePhase
from kbootstrap.autoscaler.ports import ClusterMachines, Installer, KubernetesCalls
from kbootstrap.autoscaler.todo import Action, Kind, free_address, todo
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.providers.elastic import AddressTaken, MachineOrder, OutOfResources

AT_ONCE = {Kind.CREATE: 10, Kind.INSTALL: 50, Kind.DELETE: 10, Kind.FORGET: 10}
"""Requests to the infrastructure at once, so that its rate limits hold; installations as `apply` has them."""
LIMIT = {Kind.CREATE: 60.0, Kind.INSTALL: DEADLINE, Kind.DELETE: 60.0, Kind.FORGET: 30.0}
"""Seconds that one attempt may take: an infrastructure that never answers does not occupy a place for
ever."""
_TICK = 1.0


class Workers:
    """Runs the work. `leading`: a server that no longer leads begins nothing."""

    def __init__(
        self,
        fleet: Fleet,
        cloud: ClusterMachines,
        installer: Installer,
        kubernetes: KubernetesCalls,
        leading: Callable[[], bool] = lambda: True,
    ) -> None:
        self._fleet, self._cloud, self._installer = fleet, cloud, installer
        self._kubernetes, self._leading = kubernetes, leading
        self._running: dict[str, tuple[Action, asyncio.Task[None]]] = {}
        self._places = {kind: asyncio.Semaphore(number) for kind, number in AT_ONCE.items()}

    @property
    def busy(self) -> frozenset[str]:
        """The instances with a running request."""
        return frozenset(self._running)

    async def run(self) -> None:
        """Work until cancelled. Running requests are cancelled then; the next server goes on with them."""
        try:
            while True:
                self._fleet.changed.clear()
                self._fleet.pass_time()
                self._stop_needless()
                if self._leading():
                    for action in todo(self._fleet.state, self._fleet.clock(), self.busy):
                        self._begin(action)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TICK):
                        await self._fleet.changed.wait()
        finally:
            tasks = [task for _, task in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, action: Action) -> None:
        task = asyncio.ensure_future(self._carry_out(action))
        self._running[action.name] = (action, task)

    def _stop_needless(self) -> None:
        """Cancel installations on machines that are to go."""
        for name, (action, task) in self._running.items():
            one = self._fleet.state.instances.get(name)
            if action.kind is Kind.INSTALL and (one is None or one.phase is not InstancePhase.INSTALLING):
                task.cancel()

    async def _carry_out(self, action: Action) -> None:
        work: dict[Kind, Callable[[str], Awaitable[None]]] = {
            Kind.CREATE: self._create,
            Kind.INSTALL: self._install,
            Kind.DELETE: self._delete,
            Kind.FORGET: self._forget,
        }
        try:
            async with self._places[action.kind]:
                try:
                    async with asyncio.timeout(LIMIT[action.kind]):
                        await work[action.kind](action.name)
                except TimeoutError:
                    self._failed(action, f"no answer within {LIMIT[action.kind]:.0f} s")
                except KbootstrapError as error:
                    self._failed(action, error.message)
                except Exception as error:
                    # A bug in one request must not end the work on the others. It is reported with its type.
                    self._failed(action, f"a bug: {type(error).__name__}: {error}")
        finally:
            del self._running[action.name]
            self._fleet.changed.set()
            self._fleet.look.set()

    def _failed(self, action: Action, message: str) -> None:
        fleet, now = self._fleet, self._fleet.clock()
        if action.kind is Kind.CREATE:
            fleet.become(outcomes.not_created(fleet.state, action.name, Fault("NotCreated", message), now))
        elif action.kind is Kind.INSTALL:
            fleet.become(outcomes.failed(fleet.state, action.name, Fault("NotInstalled", message), now))
        else:
            fleet.become(outcomes.not_done(fleet.state, action.name, message, now))

    async def _create(self, name: str) -> None:
        fleet = self._fleet
        one = fleet.state.instances.get(name)
        if one is None or one.phase is not InstancePhase.WANTED:
            return  # it was taken back while it waited for its place
        group = fleet.state.groups[one.group]
        address = free_address(fleet.state, name) if group.addresses else ""
        if address is None:
            fault = Fault("NoAddress", f"pool {group.pool} has no free address", exhausted=True)
            fleet.become(outcomes.failed(fleet.state, name, fault, fleet.clock()))
            return
        fleet.become(outcomes.creating(fleet.state, name, address))
        try:
            machine = await self._cloud.create(MachineOrder(name, group.pool, group.flavor, address))
        except OutOfResources as error:
            fault = Fault("OutOfResources", error.message, exhausted=True)
            fleet.become(outcomes.not_created(fleet.state, name, fault, fleet.clock()))
        except AddressTaken:
            fleet.become(outcomes.address_taken(fleet.state, name))
        else:
            fleet.become(outcomes.created(fleet.state, name, machine, fleet.clock()))

    async def _install(self, name: str) -> None:
        one = self._fleet.state.instances.get(name)
        if one is not None and one.machine is not None and one.phase is InstancePhase.INSTALLING:
            await self._installer.install(one.machine)
            self._fleet.installed(name)

    async def _delete(self, name: str) -> None:
        one = self._fleet.state.instances.get(name)
        if one is not None and one.machine is not None:
            await self._cloud.delete(one.machine)
            self._fleet.become(outcomes.deleting(self._fleet.state, name, self._fleet.clock()))

    async def _forget(self, name: str) -> None:
        # A second machine of one name, which has a key of its own, shares its Node with the first one.
        if "@" not in name:
            await self._kubernetes.delete_node(name)
            await self._installer.forget(name)
        self._fleet.become(outcomes.forgotten(self._fleet.state, name, self._fleet.clock()))
