"""Fake hosts for tests: a function answers the commands, and all calls are recorded.

    def answer(call: Run) -> Output:
        return output("active") if "is-active" in call.command else output(status=1)

    connector = FakeConnector(answer)
    host = await connector.connect(machine, deadline=5)

Errors, deadlines and `check` behave as on real hosts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kbootstrap.core.errors import HostUnreachable
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts import failures
from kbootstrap.hosts.model import Output, Transferred
from kbootstrap.inventory.model import Machine


@dataclass(frozen=True, slots=True)
class Run:
    """A recorded command. `stdin` is b"" if none was given."""

    host: str
    command: str
    stdin: bytes
    deadline: float


@dataclass(frozen=True, slots=True)
class Put:
    """A recorded file transfer."""

    host: str
    destination: str
    content: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Hang:
    """An answer: `then` is returned after `seconds` (None: never)."""

    seconds: float | None = None
    then: Output | Exception | Drop = Output(0, "", "")  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class Drop:
    """An answer: the connection is lost, for this and every later call."""


Answer = Output | Exception | Hang | Drop
Handler = Callable[[Run], Answer]


def output(stdout: str = "", *, status: int = 0, stderr: str = "") -> Output:
    """Return an answer."""
    return Output(status, stdout, stderr)


def succeed(_call: Run) -> Output:
    """Answer every command with success and no output."""
    return Output(0, "", "")


@dataclass(slots=True)
class FakeHost:
    """An in-memory `Host`.

    `files` has the written files by path, `modes` their modes. `free` is the free disk space in bytes (None:
    unlimited). `calls` are all commands and files in order. Set `broken` to simulate a lost connection.
    """

    name: str
    handler: Handler = succeed
    free: int | None = None
    redactor: Redactor = field(default_factory=Redactor)
    calls: list[Run | Put] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    closed: bool = False
    broken: bool = False

    @property
    def commands(self) -> list[str]:
        """All commands so far."""
        return [call.command for call in self.calls if isinstance(call, Run)]

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        """Return the handler's answer; see `Host.run`."""
        call = Run(self.name, command, stdin or b"", deadline)
        self.calls.append(call)
        shown = f"`{failures.show_command(command, self.redactor)}`"
        self._must_be_open(shown)
        await asyncio.sleep(0)
        answer = self.handler(call)
        if isinstance(answer, Hang):
            if answer.seconds is None or answer.seconds > deadline:
                await asyncio.sleep(deadline)
                raise failures.deadline_passed(self.name, shown, deadline)
            await asyncio.sleep(answer.seconds)
            answer = answer.then
        if isinstance(answer, Drop):
            self.broken = True
            self._must_be_open(shown)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Output)
        if check and answer.status != 0:
            raise failures.command_failed(self.name, command, answer, self.redactor)
        return answer

    async def put(
        self,
        content: bytes | Path,
        destination: str,
        *,
        mode: int,
        deadline: float,
        progress: Transferred | None = None,
    ) -> None:
        """Store the file; see `Host.put`."""
        del deadline
        data = content if isinstance(content, bytes) else await asyncio.to_thread(content.read_bytes)
        self.calls.append(Put(self.name, destination, data, mode))
        self._must_be_open(f"the transfer of {destination}")
        await asyncio.sleep(0)
        if self.free is not None:
            if len(data) > self.free:
                raise failures.no_space(self.name, destination, len(data), self.free)
            self.free -= len(data)
        self.files[destination] = data
        self.modes[destination] = mode
        if progress:
            progress(len(data), len(data))

    async def close(self) -> None:
        """Record that the connection was closed."""
        self.closed = True

    def _must_be_open(self, during: str) -> None:
        if self.closed:
            raise RuntimeError(f"{self.name} is used after it was closed")
        if self.broken:
            raise failures.connection_lost(self.name, during, "connection lost")


class FakeConnector:
    """Opens fake hosts; the same machine always gives the same host, so that its files persist.

    `refusals` are errors to raise on connecting, by node name: one error for all attempts, or a list with one
    error per attempt. `hanging` names the machines that never respond.
    """

    def __init__(
        self,
        handler: Handler = succeed,
        *,
        hosts: Mapping[str, FakeHost] | None = None,
        refusals: Mapping[str, Exception | list[Exception]] | None = None,
        hanging: frozenset[str] = frozenset(),
    ) -> None:
        self._handler = handler
        self.hosts = dict(hosts or {})
        self._refusals = dict(refusals or {})
        self._hanging = hanging
        self.attempts: list[str] = []

    async def connect(self, machine: Machine, *, deadline: float) -> FakeHost:
        """Return the host of a machine; see `Connector.connect`."""
        name = machine.name
        self.attempts.append(name)
        await asyncio.sleep(0)
        if name in self._hanging:
            await asyncio.sleep(deadline)
            raise HostUnreachable(
                f"no SSH connection to {name} ({machine.address}) within {deadline:g} s: no answer",
                code="KB0701",
                host=name,
            )
        refusal = self._refusals.get(name)
        if isinstance(refusal, list):
            refusal = refusal.pop(0) if refusal else None
        if refusal is not None:
            raise refusal
        host = self.hosts.setdefault(name, FakeHost(name, self._handler))
        host.closed = False
        host.broken = False
        return host
