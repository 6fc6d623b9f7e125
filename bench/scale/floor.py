"""The floor of a measurement: OpenSSH's client logs in to each host once, and runs `true`."""

from __future__ import annotations

import asyncio
import resource
import sys

from bench.scale.layout import Layout, user
from kbootstrap.hosts.command import ssh_argv
from kbootstrap.inventory.model import SshTarget

AT_ONCE = 50
"""Logins at the same time, as many as kbootstrap has."""


async def floor(layout: Layout) -> float:
    """Return the processor seconds of all clients together."""
    before, gate = _used(), asyncio.Semaphore(AT_ONCE)

    async def one(address: str) -> None:
        target = SshTarget(
            layout.known_as(address), address, layout.place.port, user(), (layout.folder / "key",)
        )
        async with gate:
            command = ssh_argv(target, layout.folder / "known_hosts", ["true"])
            child = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
            if await child.wait() != 0:
                sys.exit(f"ssh {address}: exit {child.returncode}")

    await asyncio.gather(*map(one, layout.addresses.values()))
    return _used() - before


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
