"""`kbootstrap snapshot list`: lists the snapshots on the servers and in the bucket."""

from __future__ import annotations

from contextlib import AsyncExitStack

from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import observe_nodes
from kbootstrap.engine.outputs import made_outputs
from kbootstrap.engine.snapshots import FoundSnapshots, find


async def list_snapshots(context: Context) -> FoundSnapshots:
    """Return the snapshots. Read-only."""
    async with AsyncExitStack() as stack:
        nodes = await observe_nodes(context, await made_outputs(context), stack, tolerant=True)
        return await find(context, nodes)
