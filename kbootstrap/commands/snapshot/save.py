"""`kbootstrap snapshot save`: creates a snapshot and stores its tokens beside it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from kbootstrap.cluster.snapshots import remote
from kbootstrap.cluster.state.snapshots import Snapshot
from kbootstrap.core import files
from kbootstrap.core.events import phase
from kbootstrap.engine.context import Context, locked
from kbootstrap.engine.snapshots import keep_tokens, reporting, running_server, see_servers


async def save(context: Context, name: str, to: Path | None) -> Snapshot:
    """Create a snapshot, store the token beside it, and with `to` copy both to a folder on this machine."""
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(context))
        nodes = await see_servers(context, stack)
        host = nodes.hosts[running_server(context, nodes)]
        with phase(context.runtime.emit, "snapshot", context.cluster.name):
            with reporting(context, host.name, "make a snapshot") as waiting:
                made = await remote.save(host, context.distribution, name, waiting)
            await keep_tokens(context, nodes, to, made.name)
            if to:
                with reporting(context, host.name, f"fetch {made.name}"):
                    content = await remote.fetch(host, context.distribution, made.name)
                files.write(to / made.name, content, mode=0o600)
        return made
