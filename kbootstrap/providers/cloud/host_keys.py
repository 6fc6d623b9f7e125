"""Host keys of new machines, from their console logs. Only machines without a pinned key are read.

cloud-init prints the keys at the end of the first boot. A cloud may not provide console logs, an image may
not print keys, and the log of an old machine may be truncated: then the first SSH connection pins the key. A
failed request for a console log is repeated, and never fails a command.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.core.pauses import growing
from kbootstrap.hosts.known_hosts import KnownHosts
from kbootstrap.providers.cloud.console import finished, host_keys
from kbootstrap.providers.context import ProviderContext

WAIT = 180.0
"""Seconds to wait for the keys of a machine, from the first request, which may be made as soon as it exists.
Small machines needed 85 when OpenTofu had created everything else before."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 3.0
"""Seconds between two requests for a console log; the pause grows from the first value to the second."""
_STEP = "host key"


class NoConsole(Enum):
    """The cloud returned no console log."""

    REFUSED = auto()
    """There is none, or access is denied: another request would not help."""
    FAILED = auto()
    """A temporary failure of the cloud."""


Console = Callable[[str], Awaitable[str | NoConsole]]
"""Returns the console log of a machine by its ID; empty if there is none yet."""


async def known_from_console(
    context: ProviderContext, machines: Mapping[str, str], console: Console, *, wait: bool
) -> dict[str, tuple[str, ...]]:
    """Return the host keys of machines (names by ID) that have no pinned key yet, by ID.

    With `wait`, waits for their first boot; otherwise reads the log once.
    """
    pins = KnownHosts(context.space.known_hosts)
    new = {one: name for one, name in machines.items() if not pins.has(name, one)}
    end = time.monotonic() + (WAIT if wait else 0.0)
    found = await asyncio.gather(*(_keys(context, console, one, name, end) for one, name in new.items()))
    return {one: keys for one, keys in zip(new, found, strict=True) if keys}


async def _keys(
    context: ProviderContext, console: Console, one: str, name: str, end: float
) -> tuple[str, ...]:
    def report(detail: str, status: Status) -> None:
        cluster = context.space.cluster
        context.emit(
            Event(type=Type.STEP, cluster=cluster, node=name, step=_STEP, status=status, detail=detail)
        )

    reported, pauses = False, growing(_FIRST_PAUSE, _LONGEST_PAUSE)
    while True:
        log = await console(one)
        late = time.monotonic() >= end
        if log is NoConsole.FAILED and late:
            report("the cloud returned no console log; the first contact pins the host key", Status.SKIPPED)
            return ()
        if log is NoConsole.REFUSED:
            return ()
        text = log if isinstance(log, str) else ""
        keys = host_keys(text)
        if keys or finished(text) or late:
            return keys
        if not reported:
            report("waiting for the host keys in the console log while the machine boots", Status.WAITING)
            reported = True
        await asyncio.sleep(next(pauses))
