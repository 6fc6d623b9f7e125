"""The operator's desk of a simulated fleet: a spec file, and the real `plan` and `apply` over fake doors.

A run can be cut at any command that it sends, any request to the API, any apply of OpenTofu: nothing of it is
carried out from there on, as after `kill -9`.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import pickle
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from kbootstrap.artifacts.cache import Kept
from kbootstrap.cluster.api import http as real_api
from kbootstrap.cluster.lock.holder import Holder, Process
from kbootstrap.cluster.lock.lease import Lease
from kbootstrap.core.errors import HostUnreachable, KbootstrapError
from kbootstrap.core.events import Event
from kbootstrap.core.process import LocalRunner
from kbootstrap.core.redact import Redactor
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine import (
    apply_cluster,
    connect,
    destroy_cluster,
    downloads,
    elastic_installer,
    elastic_way,
    observe,
    outputs,
    overlap,
    plan_cluster,
)
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.elastic_installer import ElasticInstaller
from kbootstrap.engine.elastic_way import Outside
from kbootstrap.engine.lock_file import keep_lock
from kbootstrap.engine.spec import read_spec
from kbootstrap.hosts import failures
from kbootstrap.hosts.model import Host, Output, Transferred
from kbootstrap.inventory.model import Endpoint, SshTarget
from kbootstrap.inventory.model import Machine as Target
from kbootstrap.providers.elastic import MachineOrder
from kbootstrap.spec.model import Spec
from kbootstrap.spec.topology import elastic_addresses
from tests.fleet import artifacts, infra, kube
from tests.fleet.clock import Clock
from tests.fleet.commands import Shell
from tests.fleet.elastic import BOOT
from tests.fleet.machines import Machine
from tests.fleet.timeline import Broken
from tests.fleet.world import World

T = TypeVar("T")
SSH, API = 0.05, 0.02
"""Seconds that a command and a request take."""
Sending = Callable[[str], float]
"""Returns the seconds that a file takes which is sent now, by its destination."""


class Killed(BaseException):
    """What a run feels that was cut: nothing of it goes on."""


@dataclass
class Gate:
    """Counts what a run asks for. `cut` is the number of the call at which it ends; `after`: once it is done.

    `log` has what was asked for, in order. `sending` is how long files take.
    """

    world: World
    cut: int = 0
    after: bool = True
    log: list[str] = field(default_factory=list)
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    plans: dict[str, infra.Plan] = field(default_factory=dict)
    broken: Broken | None = None
    sending: Sending = lambda _destination: SSH

    async def call(self, what: str, work: Callable[[], T], *, seconds: float, late: bool = False) -> T:
        """Do something that others see; `late`: when its time has passed, else before."""
        if self.dead.is_set():
            raise Killed
        self.log.append(what)
        number = len(self.log)
        if number == self.cut and not self.after:
            self.dead.set()
            raise Killed
        if late:
            await self.wait(seconds)
        result = work()
        if inspect.isawaitable(result):
            result = await result
        self._verify()
        if number == self.cut:
            self.dead.set()
        if not late:
            await self.wait(seconds)
        if self.dead.is_set():
            raise Killed
        return result

    async def wait(self, seconds: float) -> None:
        """Let time pass, unless the run was cut."""
        await asyncio.sleep(seconds)
        if self.dead.is_set():
            raise Killed

    def _verify(self) -> None:
        try:
            self.world.verify()
        except Broken as error:
            self.broken = self.broken or error
            self.dead.set()
            raise Killed from error


class _Host:
    """A connection to a machine of the world."""

    def __init__(self, gate: Gate, machine: Machine, redactor: Redactor) -> None:
        self.name, self._gate, self._machine, self._redactor = machine.name, gate, machine, redactor

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        await self._there(command, deadline)
        shell, said = Shell(self._gate.world, self._machine), stdin or b""
        if shell.reads(command):
            await asyncio.sleep(SSH)
            output = await self._gate.call(
                f"{self.name}: {_short(command)}", lambda: shell.run(command, said), seconds=0
            )
        else:
            self._gate.world.touched.append(("run", self.name))
            output = await self._gate.call(
                f"{self.name}: {_short(command)}", lambda: shell.run(command, said), seconds=SSH
            )
        if shell.stays(command):
            try:
                await asyncio.Event().wait()
            finally:
                del self._gate.world.offers[self._machine.address]
        result: Output = output  # type: ignore[assignment]  # awaited by the gate
        if check and result.status != 0:
            raise failures.command_failed(self.name, command, result, self._redactor)
        return result

    async def put(
        self,
        content: bytes | Path,
        destination: str,
        *,
        mode: int,
        deadline: float,
        progress: Transferred | None = None,
    ) -> None:
        del mode
        await self._there(destination, deadline)
        data = content if isinstance(content, bytes) else await asyncio.to_thread(content.read_bytes)
        self._gate.world.touched.append(("put", self.name))
        await self._gate.call(
            f"{self.name}: put {destination}",
            lambda: self._machine.put(destination, data),
            seconds=self._gate.sending(destination),
            late=True,
        )
        if progress:
            progress(len(data), len(data))

    async def close(self) -> None:
        pass

    async def _there(self, what: str, deadline: float) -> None:
        if self._gate.dead.is_set():
            raise Killed
        if self._gate.world.machines.get(self.name) is not self._machine:
            raise failures.connection_lost(self.name, what, "connection lost")
        if not self._machine.well:
            await asyncio.sleep(deadline)
            raise failures.deadline_passed(self.name, what, deadline)


def _short(command: str) -> str:
    for word, name in (
        ("kbootstrap-facts-1", "facts"),
        ("kbootstrap-uninstall", "uninstall"),
        ("act=", "lease"),
    ):
        if word in command:
            return f"{name} {command.split(maxsplit=1)[0]}"
    return command[:160]


class _Connector:
    """Opens connections; never a bastion."""

    def __init__(self, gate: Gate, redactor: Redactor) -> None:
        self._gate, self._redactor = gate, redactor

    async def connect(self, machine: Target, *, deadline: float) -> Host:
        if self._gate.dead.is_set():
            raise Killed
        there = self._gate.world.machines.get(machine.name)
        if there is None or not there.well:
            await asyncio.sleep(deadline)
            raise HostUnreachable(f"no SSH connection to {machine.name}", code="KB0701", host=machine.name)
        await asyncio.sleep(max(0.1, there.booted + BOOT - self._gate.world.now))
        return _Host(self._gate, there, self._redactor)

    @asynccontextmanager
    async def reach_endpoint(self, endpoint: Endpoint, jump: SshTarget | None) -> AsyncIterator[Endpoint]:
        """Yield the endpoint; behind a machine it is the machine's own address."""
        there = self._gate.world.machines.get(jump.key_alias) if jump else None
        yield replace(endpoint, host=there.address) if there else endpoint


def _api_of(gate: Gate) -> type:
    """Return the API endpoint with the world behind it; everything but the wire is the real one."""

    class Door(real_api._HttpApi):
        def __init__(self, kubeconfig: str, endpoint: Endpoint) -> None:
            assert "clusters" in kubeconfig
            self._endpoint, self._url = endpoint, endpoint.url

        async def ready(self) -> bool:
            return gate.world.answering() is not None

        async def close(self) -> None:
            pass

        async def _ask(
            self,
            verb: str,
            path: str,
            body: Mapping[str, Any] | None = None,
            *,
            form: str = "",
            fine: Collection[int] = (),
            **params: str,
        ) -> dict[str, Any]:
            del form
            what = f"api: {verb} {path}"
            if verb != "GET" and "/nodes/" in path:
                gate.world.touched.append(("api", path.rpartition("/")[2]))
            answer = await gate.call(
                what,
                lambda: kube.ask(gate.world, verb, path, body, params, self._endpoint.host),
                seconds=API,
            )
            if answer is None:
                await asyncio.sleep(1)
                raise self._unavailable("connection refused")
            if answer.get("kind") == "Status" and answer["code"] not in fine:
                raise self._unavailable(f"status {answer['code']}")
            return answer

    return Door


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
            provider=infra.Simulated(gate.world, context.provider, gate, cloud=self.cloud),
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


@contextlib.contextmanager
def node_doors(gate: Gate, redactor: Redactor) -> Iterator[None]:
    """Put the world behind the doors to machines and to the API, and keep the operator's kubeconfig."""
    with contextlib.ExitStack() as patches:
        for target, name, new in (
            (apply_cluster, "keep_kubeconfig", lambda *_parts, **_options: ()),
            (observe, "connector", lambda _context: _Connector(gate, redactor)),
            (connect, "connector", lambda _context: _Connector(gate, redactor)),
            (overlap, "connector", lambda _context: _Connector(gate, redactor)),
            (elastic_installer, "connector", lambda _context: _Connector(gate, redactor)),
            (elastic_way, "connector", lambda _context: _Connector(gate, redactor)),
            (real_api, "_HttpApi", _api_of(gate)),
            (real_api, "preload_imports", lambda: None),
        ):
            patches.enter_context(mock.patch.object(target, name, new))
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
