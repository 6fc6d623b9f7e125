"""The parts of a restore: one server gets the data of the snapshot, and the others join it again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from kbootstrap.cluster.converge.node_actions import NodeActions
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.snapshots import remote, restore
from kbootstrap.cluster.snapshots.select import pick
from kbootstrap.cluster.snapshots.vault import Bundle
from kbootstrap.cluster.state.restore_mark import CARRIES, Mark, quoted
from kbootstrap.cluster.state.snapshots import S3
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import InstallFailed, PrerequisiteMissing
from kbootstrap.engine.context import Context
from kbootstrap.engine.elastic import delete_all, elastic_machines
from kbootstrap.engine.install import install, verify_allowed
from kbootstrap.engine.kubeconfig import keep_kubeconfig
from kbootstrap.engine.observe import Nodes, observe_nodes
from kbootstrap.engine.outputs import made_outputs
from kbootstrap.engine.snapshots import SnapshotSource, find, keep_tokens, reporting


async def replace_data(
    context: Context, nodes: Nodes, leader: str, source: SnapshotSource, tokens: Bundle | None
) -> None:
    """Stop every node, delete the elastic ones, and restore the snapshot on the leader."""
    distro, new = context.distribution, tokens is not None
    begun = Mark(source.label, "begun", new=new)
    await run_all(restore.mark(nodes.hosts[node.name], begun) for node in nodes.desired.servers)

    async def stop(name: str) -> None:
        role = nodes.desired.node(name).role
        with reporting(context, name, "stop the service"):
            await restore.stop(nodes.hosts[name], distro, role)
            if new and role == "agent":
                await restore.wipe(nodes.hosts[name], distro, role, everything=True)

    await run_all(stop(node.name) for node in nodes.desired.nodes)
    # Now no server of Cluster Autoscaler has a Lease, and none makes another machine.
    if elastic := sorted(one.name for one in await elastic_machines(context)):
        with reporting(context, leader, f"delete the elastic nodes {', '.join(elastic)}"):
            await delete_all(context)
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


async def take_out_others(context: Context, nodes: Nodes, leader: str, label: str, *, new: bool) -> None:
    """Delete the etcd membership of the other servers, which are stopped."""
    for node in nodes.desired.servers:
        if node.name != leader:
            host = nodes.hosts[node.name]
            with reporting(context, node.name, "take it out of etcd"):
                await restore.stop(host, context.distribution, "server")
                await restore.wipe(host, context.distribution, "server", everything=new)
                await restore.mark(host, Mark(label, "wiped", new=new))


async def start_leader(context: Context, nodes: Nodes, leader: str, label: str, *, new: bool) -> None:
    """Start the leader, and delete its Node objects of nodes that no longer exist."""
    actions = NodeActions(nodes.hosts[leader], nodes.desired, context.runtime.redactor)
    unit = context.distribution.unit("server")
    with reporting(context, leader, "start the server that has the snapshot") as waiting:
        await actions.start(unit)
        await actions.serving(unit, waiting)
    with reporting(context, leader, "remove stale Node objects") as waiting:
        names = [node.name for node in nodes.desired.nodes]
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


async def rejoin(context: Context, stack: AsyncExitStack, leader: str, servers: Sequence[str]) -> None:
    """Let every node join as `apply` does, then remove the marks, the leader's last."""
    nodes = await observe_nodes(context, await made_outputs(context), stack, members=False)
    facts = {name: replace(found, restoring="") for name, found in nodes.facts.items()}
    nodes = replace(nodes, facts=facts, plan=decide(nodes.desired, facts, nodes.api))
    verify_allowed(context, nodes)
    text = await install(context, nodes)
    for name in [*(name for name in servers if name != leader), leader]:
        await restore.unmark(nodes.hosts[name])
    if text:
        switch = context.provider.traits.switches_context
        keep_kubeconfig(context, text, nodes.inventory.external, switch=switch)
    await keep_tokens(context, nodes)


async def find_source(
    context: Context, nodes: Nodes, snapshot: str, marks: Mapping[str, Mark]
) -> SnapshotSource:
    """Find the snapshot; if a restore is already past the point of no return, it must be the same one."""
    begun = {mark.label for mark in marks.values()}
    fixed = any(mark.stage in CARRIES for mark in marks.values())
    path = Path(snapshot)
    local = await asyncio.to_thread(path.is_file)
    label = path.name if local else snapshot
    if fixed:
        if snapshot != S3 and quoted(label) not in begun:
            raise PrerequisiteMissing(
                f"a restore of {', '.join(sorted(begun))} is not complete",
                hint="run it again first",
                code="KB0870",
            )
        return SnapshotSource(label if snapshot != S3 else unquote(next(iter(begun))), None, None)
    if local:
        return SnapshotSource(label, path, None)
    found = await find(context, nodes)
    if snapshot == S3 and S3 in found.problems:
        raise InstallFailed(found.problems[S3], code="KB0873")
    chosen = pick(found.snapshots, snapshot)
    return SnapshotSource(chosen.name, None, chosen)
