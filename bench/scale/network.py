"""The network of a measurement: a namespace of its own where root may make one, and a delay."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bench.scale.layout import LOOPBACK, NAMESPACE, Place

_INSIDE = "KBOOTSTRAP_BENCH_NAMESPACE"
_CHUNK = 64 * 1024


def enter(arguments: Sequence[str]) -> None:
    """Start this program again in a network namespace, if that is possible; then it does not return.

    Its processes are in a namespace too: none outlives it.
    """
    if _INSIDE in os.environ or os.getuid() != 0 or not all(map(shutil.which, ("unshare", "ip"))):
        return
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
        command += [sys.executable, "-m", *arguments]
        os.execvpe(command[0], command, {**os.environ, _INSIDE: "yes"})  # noqa: S606 - itself


def prepare(delay: float) -> tuple[Place, bool]:
    """Make the addresses reachable; return the place, and whether the kernel delays packets (netem).

    `delay` is in seconds, for one direction.
    """
    if _INSIDE not in os.environ:
        return LOOPBACK, False
    for command in ("ip link set lo up", f"ip route add local {NAMESPACE.prefix}.0.0/16 dev lo"):
        subprocess.run(command.split(), check=True)
    _plain_shell()
    netem = f"tc qdisc add dev lo root netem limit 100000 delay {delay * 1000:g}ms".split()
    if not shutil.which(netem[0]):
        return NAMESPACE, False
    return NAMESPACE, subprocess.run(netem, capture_output=True, check=False).returncode == 0


def _plain_shell() -> None:
    """Let root log in with `sh`, without start files: those of this machine are not measured."""
    passwd = Path("/etc/passwd").read_text(encoding="utf-8")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(re.sub(r"^root:.*$", "root:x:0:0:root:/:/bin/sh", passwd, flags=re.MULTILINE))
        file.flush()
        os.chmod(file.name, 0o644)  # noqa: PTH101
        subprocess.run(["mount", "--bind", file.name, "/etc/passwd"], check=True)


class Delay:
    """Stands in front of hosts and delivers each piece of data `seconds` later, in both directions.

    For kernels without netem.
    """

    def __init__(self, seconds: float, place: Place) -> None:
        self._seconds, self._place = seconds, place
        self._servers: list[asyncio.Server] = []

    async def listen(self, addresses: Sequence[str]) -> None:
        """Accept connections to the hosts."""
        for address in addresses:
            server = await asyncio.start_server(self._accept, address, self._place.port, backlog=100)
            self._servers.append(server)

    def close(self) -> None:
        """Accept no more."""
        for server in self._servers:
            server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("sockname")[0]
        await asyncio.sleep(2 * self._seconds)  # the connection itself takes a round trip
        try:
            inner, outer = await asyncio.open_connection(address, self._place.inner)
        except OSError:
            writer.close()
            return
        with suppress(asyncio.CancelledError):  # the measurement has ended
            await asyncio.gather(self._carry(reader, outer), self._carry(inner, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                loop.call_later(self._seconds, writer.write, data)
        loop.call_later(self._seconds, writer.close)
