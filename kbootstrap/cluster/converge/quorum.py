"""etcd's quorum, before a member is restarted or rebooted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection

from kbootstrap.cluster.deadlines import POLL, QUORUM
from kbootstrap.core.errors import InstallFailed

_SPARING = 3
"""With this many members or more, etcd keeps its quorum without one of them."""


async def await_quorum(
    name: str, members: Collection[str], ready: Callable[[str], Awaitable[bool]], change: str
) -> None:
    """Wait until etcd keeps its quorum without this member: the others that are Ready are a majority.

    Returns at once for a node that is no member, and where etcd cannot spare one. `change` is the participle
    of what is not done otherwise ("restarted"). Raises `InstallFailed` (KB0858) after `QUORUM` seconds.
    """
    if len(members) < _SPARING or name not in members:
        return
    needed, begun = len(members) // 2 + 1, time.monotonic()
    while True:
        others = [await ready(other) for other in members if other != name]
        if sum(others) >= needed:
            return
        if time.monotonic() - begun > QUORUM:
            raise InstallFailed(
                f"{name} was not {change}: etcd needs {needed} of {len(members)} servers, and "
                "without it fewer are Ready",
                hint="kbootstrap status shows which server is not Ready",
                code="KB0858",
                host=name,
            )
        await asyncio.sleep(POLL)
