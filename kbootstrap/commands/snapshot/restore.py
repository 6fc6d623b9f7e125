"""`kbootstrap snapshot restore`: restores a cluster from a snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.decide import rotation
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.snapshots import remote, restore
from kbootstrap.cluster.snapshots.select import pick
from kbootstrap.cluster.snapshots.vault import Bundle
from kbootstrap.cluster.state.restore_mark import CARRIES, Mark, leader_of, quoted
from kbootstrap.cluster.state.snapshots import S3
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import InstallFailed, PrerequisiteMissing
from kbootstrap.core.events import phase
from kbootstrap.engine.context import Context, locked
from kbootstrap.engine.install import install, verify_allowed
from kbootstrap.engine.kubeconfig import keep_kubeconfig
from kbootstrap.engine.observe import Nodes, observe_nodes
from kbootstrap.engine.operator import Operator
from kbootstrap.engine.outputs import made_outputs
from kbootstrap.engine.snapshot_tokens import tokens_for
from kbootstrap.engine.snapshots import SnapshotSource, find, keep_tokens, reporting


async def restore_snapshot(context: Context, operator: Operator, wanted: str, *, yes: bool) -> None:
    """Ask, and restore a snapshot: a name, `s3` for the newest in the bucket, or a file on this machine.

    The machines must exist. The next run resumes an interrupted restore.
    """
    name = context.cluster.name
    if not yes:
        operator.must_ask("-y does not ask; everything newer than the snapshot will be lost")
        await operator.ask(
            f"Everything in cluster {name} that is newer than the snapshot will be lost, and the cluster "
            "does not serve for some minutes. Type its name:",
            wanted=name,
        )
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(context))
        restored = await bring_back(context, stack, wanted, beginning=operator.begin)
    operator.say(f"Cluster {name} was restored from {restored}.")


async def bring_back(
    context: Context, stack: AsyncExitStack, wanted: str, *, beginning: Callable[[], None]
) -> str:
    """Restore a snapshot: a name, `s3` for the newest in the bucket, or a file. Idempotent.

    The machines must exist. `beginning` is called before the first change. Returns what was restored.
    """
    nodes = await observe_nodes(context, await made_outputs(context), stack)
    if rotation.pending(nodes.facts):
        raise PrerequisiteMissing(
            "a rotation of tokens is not complete, and a restore must know which tokens are in use",
            hint=f"kbootstrap apply {context.spec.path} completes it; then run the same command again",
            code="KB0889",
        )
    servers = [node.name for node in nodes.wanted.servers]
    marks = {name: Mark.read(nodes.facts[name].restoring) for name in servers if nodes.facts[name].restoring}
    source = await _source(context, nodes, wanted, marks)
    leader = leader_of(servers, marks, source.snapshot)
    done = marks[leader].stage if leader in marks else ""
    with phase(context.runtime.emit, "restore", context.cluster.name):
        if done not in CARRIES:
            tokens = await tokens_for(context, nodes, source, again=any(mark.new for mark in marks.values()))
            beginning()
            await _replace(context, nodes, leader, source, tokens)
            new = tokens is not None
        else:
            beginning()
            new = marks[leader].new
        if done != "serving":
            await _take_out_others(context, nodes, leader, source.label, new=new)
            await _lead(context, nodes, leader, source.label, new=new)
    await _rejoin(context, stack, leader, servers)
    return source.label


async def _replace(
    context: Context, nodes: Nodes, leader: str, source: SnapshotSource, tokens: Bundle | None
) -> None:
    """Stop every node and restore the snapshot on the leader."""
    distro, new = context.distribution, tokens is not None
    begun = Mark(source.label, "begun", new=new)
    await run_all(restore.mark(nodes.hosts[node.name], begun) for node in nodes.wanted.servers)

    async def stop(name: str) -> None:
        role = nodes.wanted.node(name).role
        with reporting(context, name, "stop the service"):
            await restore.stop(nodes.hosts[name], distro, role)
            if new and role == "agent":
                await restore.wipe(nodes.hosts[name], distro, role, everything=True)

    await run_all(stop(node.name) for node in nodes.wanted.nodes)
    host, path, from_bucket = nodes.hosts[leader], source.name, True
    if source.file:
        with reporting(context, leader, f"send {source.name}"):
            await host.put(source.file, restore.FILE, mode=0o600, deadline=remote.SAVE)
        path, from_bucket = restore.FILE, False
    elif source.snapshot and source.snapshot.place != S3:
        path, from_bucket = f"{distro.paths.snapshots}/{source.name}", False
    with reporting(context, leader, f"restore {source.name}"):
        await restore.reset(host, distro, path, from_bucket=from_bucket, new=tokens)
        await restore.mark(host, Mark(source.label, "reset", new=new))


async def _take_out_others(context: Context, nodes: Nodes, leader: str, label: str, *, new: bool) -> None:
    """Delete the etcd membership of the other servers, which are stopped."""
    for node in nodes.wanted.servers:
        if node.name != leader:
            host = nodes.hosts[node.name]
            with reporting(context, node.name, "take it out of etcd"):
                await restore.stop(host, context.distribution, "server")
                await restore.wipe(host, context.distribution, "server", everything=new)
                await restore.mark(host, Mark(label, "wiped", new=new))


async def _lead(context: Context, nodes: Nodes, leader: str, label: str, *, new: bool) -> None:
    """Start the leader, and delete its Node objects of nodes that no longer exist."""
    actions = NodeActions(nodes.hosts[leader], nodes.wanted, context.runtime.redactor)
    unit = context.distribution.unit("server")
    with reporting(context, leader, "start the server that has the snapshot") as waiting:
        await actions.start(unit)
        await actions.serving(unit, waiting)
    with reporting(context, leader, "remove stale Node objects") as waiting:
        names = [node.name for node in nodes.wanted.nodes]
        # Its own Node stays: k3s would not let go of it, and take it out of etcd once others have joined.
        await restore.forget_nodes(
            actions.host,
            context.distribution,
            [leader] if new else names,
            names,
            redactor=actions.redactor,
            waiting=waiting,
        )
        await restore.mark(actions.host, Mark(label, "serving", new=new))


async def _rejoin(context: Context, stack: AsyncExitStack, leader: str, servers: Sequence[str]) -> None:
    """Let every node join as `apply` does, then remove the marks, the leader's last."""
    nodes = await observe_nodes(context, await made_outputs(context), stack)
    facts = {name: replace(found, restoring="") for name, found in nodes.facts.items()}
    nodes = replace(nodes, facts=facts, plan=decide(nodes.wanted, facts, nodes.api))
    verify_allowed(context, nodes)
    text = await install(context, nodes)
    for name in [*(name for name in servers if name != leader), leader]:
        await restore.unmark(nodes.hosts[name])
    if text:
        switch = context.provider.traits.switches_context
        keep_kubeconfig(context, text, nodes.inventory.external, switch=switch)
    await keep_tokens(context, nodes)


async def _source(context: Context, nodes: Nodes, wanted: str, marks: Mapping[str, Mark]) -> SnapshotSource:
    """Find the snapshot; if a restore is already past the point of no return, it must be the same one."""
    begun = {mark.label for mark in marks.values()}
    fixed = any(mark.stage in CARRIES for mark in marks.values())
    path = Path(wanted)
    local = await asyncio.to_thread(path.is_file)
    label = path.name if local else wanted
    if fixed:
        if wanted != S3 and quoted(label) not in begun:
            raise PrerequisiteMissing(
                f"a restore of {', '.join(sorted(begun))} is not complete",
                hint="run it again first",
                code="KB0870",
            )
        return SnapshotSource(label if wanted != S3 else unquote(next(iter(begun))), None, None)
    if local:
        return SnapshotSource(label, path, None)
    found = await find(context, nodes)
    if wanted == S3 and S3 in found.problems:
        raise InstallFailed(found.problems[S3], code="KB0873")
    chosen = pick(found.snapshots, wanted)
    return SnapshotSource(chosen.name, None, chosen)
