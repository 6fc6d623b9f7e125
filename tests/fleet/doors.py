"""The doors of a simulated fleet: SSH and the API, and the gate that counts their calls and cuts a run.

What is done at a door happens in the world, and takes time of its clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from kbootstrap.cluster.api import http as real_api
from kbootstrap.core.errors import HostUnreachable
from kbootstrap.core.redact import Redactor
from kbootstrap.engine import (
    apply_cluster,
    connect,
    elastic_installer,
    elastic_way,
    observe,
    overlap,
)
from kbootstrap.hosts import failures
from kbootstrap.hosts.model import Host, Output, Transferred
from kbootstrap.inventory.model import Endpoint, SshTarget
from kbootstrap.inventory.model import Machine as Target
from tests.fleet import infra, kube
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

    def __init__(
        self, gate: Gate, machine: Machine, redactor: Redactor, through: Machine | None = None
    ) -> None:
        self.name, self._gate, self._machine, self._redactor = machine.name, gate, machine, redactor
        self._boots = [(one, one.booted) for one in (machine, through) if one]

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
        if any(one.booted != booted for one, booted in self._boots):  # it ended when that machine did
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
        jump = self._gate.world.machines.get(machine.ssh.jump.key_alias) if machine.ssh.jump else None
        return _Host(self._gate, there, self._redactor, jump)

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
