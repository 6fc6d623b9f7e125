"""Host keys of new machines, from their console logs; only where nothing is pinned for the machine yet.

cloud-init prints them at the end of the first boot. A cloud may not show consoles, an image may not print
keys, and the log of an old machine may have lost its beginning: then first contact pins what it shows. A
cloud that fails to show a console is asked again, and ends no command.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.hosts.known_hosts import KnownHosts
from kbootstrap.providers.context import ProviderContext
from kbootstrap.providers.openstack.connection import Cloud
from kbootstrap.providers.openstack.console import finished, host_keys

if TYPE_CHECKING:
    from openstack.connection import Connection

WAIT = 120.0
"""Seconds from the first look until a machine must have printed its keys; small machines need 85."""
_POLL = 3.0
_STEP = "host key"


async def known_from_console(
    cloud: Cloud, machines: Mapping[str, str], pins: KnownHosts, context: ProviderContext, *, wait: bool
) -> dict[str, tuple[str, ...]]:
    """Return the host keys of machines (names by server ID) that have no pin yet, by server ID.

    With `wait` their first boot is waited for; without it the log is read once.
    """
    new = {one: name for one, name in machines.items() if not _pinned(pins, name, one)}
    end = time.monotonic() + (WAIT if wait else 0.0)
    found = await asyncio.gather(*(_keys(cloud, one, name, end, context) for one, name in new.items()))
    return {one: keys for one, keys in zip(new, found, strict=True) if keys}


async def _keys(cloud: Cloud, one: str, name: str, end: float, context: ProviderContext) -> tuple[str, ...]:
    def tell(detail: str, status: Status) -> None:
        context.emit(
            Event(
                type=Type.STEP,
                cluster=context.space.cluster,
                node=name,
                step=_STEP,
                status=status,
                detail=detail,
            )
        )

    told = False
    while True:
        log = await cloud.ask("show the console of a machine", lambda sdk: _log(sdk, one))
        late = time.monotonic() >= end
        if log is _Answer.FAILED and late:
            tell("the cloud fails to show the console; the first contact pins the host key", Status.SKIPPED)
            return ()
        if log is _Answer.REFUSED:
            return ()
        text = log if isinstance(log, str) else ""
        keys = host_keys(text)
        if keys or finished(text) or late:
            return keys
        if not told:
            tell("the machine boots; its console will show the host keys", Status.WAITING)
            told = True
        await asyncio.sleep(_POLL)


class _Answer(Enum):
    """What stands for a log: nobody may see it, or the cloud could not show it this time."""

    REFUSED = auto()
    FAILED = auto()


def _log(sdk: Connection, server: str) -> str | _Answer:
    """Return the console log. Blocks."""
    from keystoneauth1.exceptions import ConnectFailure
    from openstack.exceptions import HttpException

    try:
        return str(sdk.compute.get_server_console_output(server).get("output") or "")
    except HttpException as error:
        # 409 while the machine is built; the others where there is no console, or nobody may see it.
        if error.status_code in {403, 404, 501}:
            return _Answer.REFUSED
        if error.status_code == 409:
            return ""
        if (error.status_code or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _Answer.FAILED
        raise
    except ConnectFailure:  # too late, most often
        return _Answer.FAILED


def _pinned(pins: KnownHosts, name: str, instance: str) -> bool:
    pin = pins.pin(name)
    return pin is not None and pin.instance == instance
