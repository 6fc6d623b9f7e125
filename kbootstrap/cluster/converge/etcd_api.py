"""Scripts that use the API of etcd on a server, and the promotion of joining members."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator

from kbootstrap.cluster.deadlines import COMMAND, POLL, ROUND
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.distros.model import Distribution
from kbootstrap.hosts.model import Host
from kbootstrap.hosts.script import shell_script


def etcd_script(distro: Distribution, name: str, **values: object) -> str:
    """Return the text of a script of this folder, after `etcd_api.sh` and its variables `values`."""
    return shell_script(
        __package__,
        "etcd_api.sh",
        name,
        data=distro.paths.server,
        kubectl=shlex.join(distro.command("kubectl")),
        **values,
    )


@contextlib.asynccontextmanager
async def promoting(member: Host | None, distro: Distribution) -> AsyncIterator[None]:
    """Make servers that join voters of etcd at once, in the `with`; `member` is a server that serves.

    A failure has no effect: the leader of etcd does it every 15 s.
    """
    if member is None:
        yield
        return
    work = asyncio.create_task(_promote(member, distro))
    try:
        yield
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError, KbootstrapError):
            await work


async def _promote(member: Host, distro: Distribution) -> None:
    text = etcd_script(distro, "promote.sh", patience=ROUND)
    while True:
        await member.run(text, deadline=COMMAND, check=False)
        await asyncio.sleep(POLL)
