"""The operator's desk of a simulated fleet: a spec file, and the real `plan` and `apply` over fake doors.

A run can be cut at any command that it sends, any request to the API, any apply of OpenTofu: nothing of it is
carried out from there on, as after `kill -9`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from unittest import mock

from kbootstrap.artifacts.cache import Kept
from kbootstrap.cluster.api import http as real_api
from kbootstrap.cluster.deadlines import DRAIN
from kbootstrap.cluster.lock.holder import Holder, Process
from kbootstrap.cluster.lock.lease import Lease
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Event
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine import (
    apply_cluster,
    destroy_cluster,
    downloads,
    outputs,
    plan_cluster,
)
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.elastic_installer import ElasticInstaller
from kbootstrap.engine.elastic_way import Outside
from kbootstrap.engine.lock_file import keep_lock
from kbootstrap.engine.maintenance import Hours, Now, look_at, settle, settled
from kbootstrap.engine.rolling_maintenance import RollingMaintenance
from kbootstrap.engine.spec import read_spec
from kbootstrap.inventory.model import Endpoint
from kbootstrap.providers.elastic import MachineOrder
from kbootstrap.spec.model import Spec
from kbootstrap.spec.topology import elastic_addresses
from tests.fleet import artifacts, infra
from tests.fleet.clock import EPOCH, Clock
from tests.fleet.doors import SSH, Gate, Sending, node_doors
from tests.fleet.provider import Simulated
from tests.fleet.world import World


@dataclass
class Ended:
    """How a run ended.

    `error` is the reported failure, None on success; `changed` whether there was anything to
    do; `calls` what it asked for.
    """

    error: KbootstrapError | None
    changed: bool
    calls: list[str]
    cut: bool = False
    events: list[Event] = field(default_factory=list)

    @property
    def code(self) -> str | None:
        if self.error is None:
            return None
        found = [d.code for d in self.error.diagnostics]
        return found[0] if found else self.error.code


class Desk:
    """Runs kbootstrap on a world. `folder` has the spec and what kbootstrap keeps beside it.


    `cloud`: machines are created one by one, the endpoint last.
    """

    def __init__(
        self,
        folder: Path,
        world: World,
        sending: Sending = lambda _destination: SSH,
        *,
        cloud: bool = False,
    ) -> None:
        self.folder, self.world, self._sending, self.cloud = folder, world, sending, cloud
        self.runs = 0
        self.spec = folder / "fleet.yaml"

    def copy(self) -> bytes:
        """Return the world and the lock file as they are now, to come back to."""
        lock = self.folder / "fleet.lock.yaml"
        return pickle.dumps((self.world, self.spec.read_text(), lock.read_text() if lock.exists() else None))

    def back(self, copy: bytes) -> None:
        """Make everything as it was."""
        self.world, text, lock = pickle.loads(copy)  # noqa: S301 - our own bytes
        self.spec.write_text(text)
        place = self.folder / "fleet.lock.yaml"
        place.unlink(missing_ok=True)
        if lock is not None:
            place.write_text(lock)

    def apply(self, *, replaced: Collection[str] = (), cut: int = 0, after: bool = True) -> Ended:
        """Run `apply`, or `replace` of nodes; raises `Broken` where an invariant was broken."""
        self.runs += 1
        clock = Clock(self.world.now, self.world.advance)
        return clock.run(self._work(partial(_run, replaced), cut, after=after))

    def maintain(self, *, now: Now | None = None, cut: int = 0, after: bool = True) -> Ended:
        """Run `maintain`; `now` is the time of the operator's clock, by default that of the world."""
        self.runs += 1
        work = partial(_maintain, now or self._now)
        return Clock(self.world.now, self.world.advance).run(self._work(work, cut, after=after))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(EPOCH + self.world.now, UTC)

    def destroy(self, *, cut: int = 0) -> Ended:
        """Run `destroy`, as after the confirmation."""
        self.runs += 1
        return Clock(self.world.now, self.world.advance).run(self._work(_destroy, cut, after=True))

    def grow(self, pool: str, name: str, *, cut: int = 0, install: bool = True) -> Ended:
        """Make an elastic machine and a node of it, as the server of Cluster Autoscaler does.

        A machine of that name is taken over, as by the next server.
        """
        self.runs += 1
        return Clock(self.world.now, self.world.advance).run(
            self._work(partial(_grow, pool, name, install), cut, after=True)
        )

    def shrink(self, name: str, *, node: bool = True) -> None:
        """Remove an elastic node, as the server does after Cluster Autoscaler has drained it."""
        cluster = self.world.cluster
        self.world.destroy(name)
        if node and cluster and name in cluster.nodes:
            self.world.delete_node(cluster, name)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.world.advance(self.world.now + seconds)

    async def _work(
        self, begin: Callable[[Context], Coroutine[Any, Any, bool]], cut: int, *, after: bool
    ) -> Ended:
        gate, events = Gate(self.world, cut, after, sending=self._sending), list[Event]()
        context = self._context(gate, events)
        with _doors(gate, context):
            work = asyncio.ensure_future(begin(context))
            dead = asyncio.ensure_future(gate.dead.wait())
            try:
                await asyncio.wait({work, dead}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                dead.cancel()
            if gate.dead.is_set():
                work.cancel()
                with contextlib.suppress(BaseException):
                    await work
            if gate.broken:
                raise gate.broken
            if gate.dead.is_set():
                return Ended(None, changed=True, calls=gate.log, cut=True, events=events)
            try:
                return Ended(None, work.result(), gate.log, events=events)
            except KbootstrapError as error:
                return Ended(error, changed=True, calls=gate.log, events=events)

    def _context(self, gate: Gate, events: list[Event]) -> Context:
        env = {"HOME": str(self.folder), "KUBECONFIG": str(self.folder / "kubeconfig")}
        run = Runtime(LocalRunner(), env, self.folder / "cache", Redactor(), events.append)
        spec = _loaded(self.spec, self.spec.read_text())
        context = contexts(spec, spec.clusters, run)[0]
        keep_lock(spec, context.lock)
        here = Process.of(os.getpid())
        assert here is not None
        # A process that has ended, as far as the next run sees.
        me = Holder(f"{self.runs:016x}", "operator", "desk", replace(here, started=f"0{self.runs}"))
        return replace(
            context,
            provider=Simulated(gate.world, context.provider, gate, cloud=self.cloud),
            lease=Lease(context.cluster.name, events.append, me=me),
        )


@lru_cache(maxsize=256)
def _loaded(path: Path, text: str) -> Spec:
    del text
    return read_spec(path)


async def _run(replaced: Collection[str], context: Context) -> bool:
    """As the command does; return whether there was anything to do."""
    async with AsyncExitStack() as stack:
        planned = await plan_cluster.plan_cluster(context, stack, starting=True, replace=replaced)
        await apply_cluster.apply_cluster(planned)
        return not planned.empty


async def _maintain(now: Now, context: Context) -> bool:
    """As the command does, in an open window."""
    assert context.cluster.maintenance is not None
    hours = Hours(context.cluster.maintenance.window, now=now)
    async with AsyncExitStack() as stack:
        planned = await plan_cluster.plan_cluster(context, stack, starting=True)
        nodes = settled(planned)
        work = await look_at(planned, nodes, hours)
        if work.empty and nodes.plan.empty:
            return False
        await settle(planned, nodes, work.works)
        await RollingMaintenance(context, planned.state.outputs, nodes, work, stack, DRAIN).carry_out()
        return True


async def _destroy(context: Context) -> bool:
    async with AsyncExitStack() as stack:
        await destroy_cluster.destroy_cluster(context, stack, beginning=lambda: None)
    return True


async def _grow(pool: str, name: str, install: bool, context: Context) -> bool:
    able, cluster = context.provider.elastic_machines, context.cluster
    assert able is not None
    there = await able.list(context.provider_context)
    wanted = next(one for one in cluster.pools if one.name == pool)
    taken = {one.address for one in there}
    free = [str(one) for one in elastic_addresses(cluster, wanted, context.lock) if str(one) not in taken]
    machine = await able.create(context.provider_context, MachineOrder(name, wanted.born, "", free[0]))
    if install:
        opened = real_api._HttpApi("clusters", Endpoint("127.0.0.1", 6443))
        installer = ElasticInstaller(lambda: context, Outside(), lambda: opened)
        await installer.install(machine)
    return True


@contextlib.contextmanager
def _doors(gate: Gate, context: Context) -> Iterator[None]:
    """Put the world behind everything that leads out of the program."""
    folder = context.runtime.cache

    async def prepare(context: Context, *_preflight: object, **_options: object) -> infra.Tofu:
        while gate.world.creating:  # noqa: ASYNC110 - OpenTofu of a run that was killed
            await asyncio.sleep(1)
        cloud = context.provider.machines_in_creation is not None
        return infra.Tofu(gate.world, context, gate, cloud)

    async def obtain(name: str, version: str, arch: str, **_options: object) -> Kept:
        return _artifacts(folder, name, version, arch)

    with contextlib.ExitStack() as patches:
        patches.enter_context(node_doors(gate, context.runtime.redactor))
        patches.enter_context(mock.patch.object(plan_cluster, "prepare", prepare))
        patches.enter_context(mock.patch.object(outputs, "prepare", prepare))
        patches.enter_context(mock.patch.object(destroy_cluster, "prepare", prepare))
        patches.enter_context(mock.patch.object(plan_cluster, "never_created", return_value=False))
        patches.enter_context(mock.patch.object(downloads, "obtain", obtain))
        yield


def _artifacts(folder: Path, name: str, version: str, arch: str) -> Kept:
    """Return the files of a version."""
    place = folder / version / arch
    if not place.exists():
        place.mkdir(parents=True)
        for file, content in artifacts.made(name, version, arch).items():
            (place / file).write_bytes(content)
    sums = {one.name: artifacts.checksum(version, one.name) for one in place.iterdir()}
    return Kept(place, "made", "", sums)
