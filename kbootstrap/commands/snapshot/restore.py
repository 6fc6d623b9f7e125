"""`kbootstrap snapshot restore`: restores a cluster from a snapshot."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from kbootstrap.cluster.decide import rotation
from kbootstrap.cluster.state.restore_mark import CARRIES, Mark, leader_of
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.events import phase
from kbootstrap.engine.context import Context, locked
from kbootstrap.engine.observe import observe_nodes
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.outputs import made_outputs
from kbootstrap.engine.restore import find_source, rejoin, replace_data, start_leader, take_out_others
from kbootstrap.engine.snapshot_tokens import tokens_for


async def restore_snapshot(context: Context, operator: Operator, snapshot: str, *, yes: bool) -> None:
    """Ask, and restore a snapshot: a name, `s3` for the newest in the bucket, or a file on this machine.

    The machines must exist. The next run resumes an interrupted restore.
    """
    name = context.cluster.name
    if not yes:
        operator.must_ask("-y does not ask; everything newer than the snapshot will be lost")
        elastic = any(pool.autoscaling for pool in context.cluster.pools)
        await operator.ask(
            f"Everything in cluster {name} that is newer than the snapshot will be lost, and the cluster "
            f"does not serve for some minutes.{' Its elastic nodes are deleted.' if elastic else ''} "
            "Type its name:",
            wanted=name,
        )
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(context))
        restored = await bring_back(context, stack, snapshot, beginning=operator.begin)
    operator.say(f"Cluster {name} was restored from {restored}.")


async def bring_back(
    context: Context, stack: AsyncExitStack, snapshot: str, *, beginning: Callable[[], None]
) -> str:
    """Restore a snapshot: a name, `s3` for the newest in the bucket, or a file. Idempotent.

    The machines must exist. `beginning` is called before the first change. Returns what was restored.
    """
    nodes = await observe_nodes(context, await made_outputs(context), stack, members=False)
    if rotation.pending(nodes.facts):
        raise PrerequisiteMissing(
            "a rotation of tokens is not complete, and a restore must know which tokens are in use",
            hint=f"kbootstrap apply {context.spec.path} completes it; then run the same command again",
            code="KB0889",
        )
    servers = [node.name for node in nodes.desired.servers]
    marks = {name: Mark.read(nodes.facts[name].restoring) for name in servers if nodes.facts[name].restoring}
    source = await find_source(context, nodes, snapshot, marks)
    leader = leader_of(servers, marks, source.snapshot)
    done = marks[leader].stage if leader in marks else ""
    with phase(context.runtime.emit, "restore", context.cluster.name):
        if done not in CARRIES:
            tokens = await tokens_for(context, nodes, source, again=any(mark.new for mark in marks.values()))
            beginning()
            await replace_data(context, nodes, leader, source, tokens)
            new = tokens is not None
        else:
            beginning()
            new = marks[leader].new
        if done != "serving":
            await take_out_others(context, nodes, leader, source.label, new=new)
            await start_leader(context, nodes, leader, source.label, new=new)
    await rejoin(context, stack, leader, servers)
    return source.label
