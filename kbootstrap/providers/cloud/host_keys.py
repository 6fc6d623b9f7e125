"""Host keys of new machines, from their console logs; only where nothing is pinned for the machine yet.

cloud-init prints them at the end of the first boot. A cloud may not show consoles, an image may not print
keys, and the log of an old machine may have lost its beginning: then first contact pins what it shows. A
cloud that fails to show a console is asked again, and ends no command.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.hosts.known_hosts import KnownHosts
from kbootstrap.providers.cloud.console import finished, host_keys
from kbootstrap.providers.context import ProviderContext

WAIT = 120.0
"""Seconds from the first look until a machine must have printed its keys; small machines need 85."""
_POLL = 3.0
_STEP = "host key"


class NoConsole(Enum):
    """Stands for a console log that the cloud did not give."""

    REFUSED = auto()
    """There is none, or it may not be seen: asking again would not help."""
    FAILED = auto()
    """The cloud could not show it this time."""


Console = Callable[[str], Awaitable[str | NoConsole]]
"""Returns the console log of a machine by its ID; empty while there is none yet."""


async def known_from_console(
    context: ProviderContext, machines: Mapping[str, str], console: Console, *, wait: bool
) -> dict[str, tuple[str, ...]]:
    """Return the host keys of machines (names by ID) that have no pin yet, by ID.

    With `wait` their first boot is waited for; without it the log is read once.
    """
    pins = KnownHosts(context.space.known_hosts)
    new = {one: name for one, name in machines.items() if not _pinned(pins, name, one)}
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

    reported = False
    while True:
        log = await console(one)
        late = time.monotonic() >= end
        if log is NoConsole.FAILED and late:
            report("the cloud fails to show the console; the first contact pins the host key", Status.SKIPPED)
            return ()
        if log is NoConsole.REFUSED:
            return ()
        text = log if isinstance(log, str) else ""
        keys = host_keys(text)
        if keys or finished(text) or late:
            return keys
        if not reported:
            report("the machine boots; its console will show the host keys", Status.WAITING)
            reported = True
        await asyncio.sleep(_POLL)


def _pinned(pins: KnownHosts, name: str, instance: str) -> bool:
    pin = pins.pin(name)
    return pin is not None and pin.instance == instance
