"""`kbootstrap snapshot delete`: deletes a snapshot from the servers and the bucket."""

from __future__ import annotations

from contextlib import AsyncExitStack

from kbootstrap.cluster.snapshots import remote
from kbootstrap.cluster.snapshots.select import pick
from kbootstrap.cluster.state.snapshots import S3
from kbootstrap.core.events import phase
from kbootstrap.engine.context import Context, locked
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.snapshots import find, reporting, running_server, see_servers


async def delete(context: Context, operator: Operator, name: str, *, yes: bool) -> None:
    """Ask, and delete a snapshot everywhere."""
    if not yes:
        operator.must_ask("-y does not ask")
        await operator.ask(f"Delete the snapshot {name} of cluster {context.cluster.name}? [y/N]")
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(context))
        operator.begin()
        nodes = await see_servers(context, stack)
        found = [one for one in (await find(context, nodes)).snapshots if one.name == name]
        places = [one.place for one in found if one.place != S3]
        pick(found, name)
        with phase(context.runtime.emit, "snapshot", context.cluster.name):
            for place in places or [running_server(context, nodes)]:
                with reporting(context, place, f"delete {name}") as waiting:
                    await remote.delete(nodes.hosts[place], context.distribution, name, waiting)
    operator.say(f"Snapshot {name} was deleted.")
