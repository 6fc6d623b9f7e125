"""Answers the commands that arrive at the sshd processes, from a simulated fleet on the real clock.

The forced command of each sshd connects here. What it was asked to run is in its environment.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.scale import wire
from bench.scale.layout import SERVERS, Layout
from kbootstrap.hosts.model import Output
from tests.fleet import clock, services
from tests.fleet.commands import Shell
from tests.fleet.machines import Machine
from tests.fleet.world import World

_BEFORE = 7200.0
"""Seconds between the start of the machines, a cluster that is made beforehand (`seed.py`), and now."""
_TICK = 0.05
_LINE = 8 * 1024 * 1024
"""Bytes. The longest script in its escaped form."""
_PEER = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Took:
    """How long a host works on a script, in seconds: facts start some dozen programs."""

    facts: float = 0.25
    other: float = 0.05

    def of(self, kind: str) -> float:
        """Return the seconds for a script of this kind."""
        return self.facts if kind == "facts" else self.other


@dataclass(frozen=True, slots=True)
class Call:
    """One script that a host ran, or one request to the API (`host` is then "api")."""

    host: str
    kind: str


class Nodes:
    """The simulated fleet behind the hosts of a layout. `calls` has what was asked of them."""

    def __init__(self, layout: Layout, kubeconfig: str, took: Took) -> None:
        self.world, self.calls = World(), list[Call]()
        self._took, self._begun = took, time.monotonic() - _BEFORE
        # The clocks of the fleet show the real time. Its own time stays small, because the event loop of the
        # simulated clock compares sums with nanoseconds.
        clock.EPOCH = int(time.time() - _BEFORE)
        services.KUBECONFIG = kubeconfig
        for name, address in layout.addresses.items():
            machine = Machine(name, f"i-{name}", address, booted=-_BEFORE)
            self.world.machines[name] = machine
        self.world.endpoint = [layout.addresses[name] for name in layout.names[:SERVERS]]

    def advance(self) -> None:
        """Let everything happen that happens until now."""
        self.world.advance(time.monotonic() - self._begun)

    async def tick(self) -> None:
        """Let time pass, for ever."""
        while True:
            self.advance()
            await asyncio.sleep(_TICK)

    async def listen(self, path: Path) -> asyncio.Server:
        """Accept the forced commands."""
        return await asyncio.start_unix_server(self._accept, path, limit=_LINE, backlog=1000)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        env = _environment(writer.get_extra_info("socket"))
        mark = wire.mark_of(env.get("SSH_ORIGINAL_COMMAND", ""))
        if mark is not None:
            script = wire.script_of(await reader.readline())
            output = await self._run(env["BENCH_HOST"], script, await reader.read())
            writer.write(wire.framed(output, mark))
        writer.close()

    async def _run(self, host: str, script: str, stdin: bytes) -> Output:
        kind = wire.kind(script)
        self.calls.append(Call(host, kind))
        await asyncio.sleep(self._took.of(kind))
        self.advance()
        machine = self.world.machines[host]
        if file := wire.received(script):
            machine.put(file.path, stdin[: file.size])
            return Output(0, "", "")
        if script == "true":
            return Output(0, "", "")
        answer = Shell(self.world, machine).run(script, stdin)
        return await answer if inspect.isawaitable(answer) else answer


def _environment(connection: socket.socket) -> Mapping[str, str]:
    """Return the environment of the process at the other end."""
    size = _PEER.size
    pid, _, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    text = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)
