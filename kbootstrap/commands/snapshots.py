"""The table of contents of snapshots: what each `kbootstrap snapshot` command does, from top to bottom.

`cli/` calls these functions, shows what they return, and asks; nothing here prints or asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

from kbootstrap.cluster.converge import rotation as renewing
from kbootstrap.cluster.converge.node_actions import Hands
from kbootstrap.cluster.converge.reporting import Teller
from kbootstrap.cluster.deadlines import COMMAND
from kbootstrap.cluster.decide import rotation
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.snapshots import remote, restore
from kbootstrap.cluster.snapshots.bucket import Bucket, Item
from kbootstrap.cluster.snapshots.reporting import Doing
from kbootstrap.cluster.snapshots.select import METADATA, in_bucket, kept_with, pick, tokens_in
from kbootstrap.cluster.snapshots.settings import read_authority, read_keys, read_passphrase
from kbootstrap.cluster.snapshots.vault import PREFIX, SUFFIX, Bundle, lock, unlock
from kbootstrap.cluster.state.restore_mark import CARRIES, Mark, leader_of, quoted
from kbootstrap.cluster.state.snapshots import S3, Snapshot, made_at, ordered
from kbootstrap.core import files
from kbootstrap.core.concurrency import together
from kbootstrap.core.errors import CredentialsRefused, InstallFailed, KbootstrapError, PrerequisiteMissing
from kbootstrap.core.events import phase
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import Nodes, see_nodes, settings
from kbootstrap.engine.prepare import install, keep_kubeconfig, made_outputs, refuse
from kbootstrap.hosts.model import Host


@dataclass(frozen=True, slots=True)
class Found:
    """Snapshots, the newest first, and why some places could not be looked at."""

    snapshots: tuple[Snapshot, ...]
    problems: Mapping[str, str] = field(default_factory=dict)
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """What to restore: a file here, or a snapshot that was found; neither where that is done already."""

    name: str
    file: Path | None
    snapshot: Snapshot | None

    @property
    def label(self) -> str:
        """The name as one word."""
        return quoted(self.name)

    @property
    def made(self) -> int:
        """When it was made (epoch)."""
        if self.snapshot:
            return self.snapshot.made
        return made_at(self.name, int(self.file.stat().st_mtime) if self.file else 0)


async def save(context: Context, stack: AsyncExitStack, name: str, to: Path | None) -> Snapshot:
    """Make a snapshot now, keep the token beside it, and with `to` bring both to a folder of ours."""
    nodes = await _see(context, stack)
    host = nodes.hosts[_running(context, nodes)]
    with phase(context.runtime.emit, "snapshot", context.cluster.name):
        with _told(context, host.name, "make a snapshot"):
            made = await remote.save(host, context.distribution, name)
        await keep_tokens(context, nodes, to)
        if to:
            with _told(context, host.name, f"fetch {made.name}"):
                content = await remote.fetch(host, context.distribution, made.name)
            files.write(to / made.name, content, mode=0o600)
    return made


async def keep_tokens(context: Context, nodes: Nodes, to: Path | None = None) -> None:
    """Put the encrypted tokens on every server, into the bucket, and into `to`, where they are not yet."""
    snapshots, run = context.cluster.snapshots, context.runtime
    if snapshots is None or snapshots.passphrase is None:
        return
    passphrase = read_passphrase(snapshots.passphrase, settings(context.spec, run), run.redactor)
    servers = [nodes.hosts[node.name] for node in nodes.wanted.servers if node.name in nodes.hosts]
    bundle = None
    for host in servers:
        name = context.cluster.name
        bundle = bundle or await remote.read_bundle(host, context.distribution, name, run.redactor)
    if bundle is None:
        return
    content, path = lock(bundle, passphrase), f"{remote.FOLDER}/{bundle.name}"
    for host in servers:
        if path not in await remote.bundles(host):
            await host.put(content, path, mode=0o600, deadline=COMMAND)
    bucket = bucket_of(context)
    if bucket:
        key = f"{bucket.prefix}{METADATA}{bundle.name}"
        if key not in {item.key for item in await bucket.items()}:
            await bucket.write(key, content)
    if to:
        files.write(to / bundle.name, content, mode=0o600)


async def find(context: Context, nodes: Nodes) -> Found:
    """Return every snapshot on the servers and in the bucket; a place that does not answer is told."""
    found: list[Snapshot] = []
    problems = {name: error.message for name, error in nodes.unreachable.items()}
    for node in nodes.wanted.servers:
        if node.name in nodes.hosts:
            found += await remote.listed(nodes.hosts[node.name], context.distribution)
    items: tuple[Item, ...] = ()
    if bucket := bucket_of(context):
        try:
            items = await bucket.items()
            found += in_bucket(items, bucket.prefix)
        except KbootstrapError as error:
            problems[S3] = error.message
    return Found(ordered(found), problems, items)


async def show(context: Context, stack: AsyncExitStack) -> Found:
    """List the snapshots; changes nothing."""
    nodes = await see_nodes(context, await made_outputs(context), stack, tolerant=True)
    return await find(context, nodes)


async def delete(context: Context, stack: AsyncExitStack, name: str) -> tuple[Snapshot, ...]:
    """Delete a snapshot everywhere; returns what was deleted."""
    nodes = await _see(context, stack)
    found = [one for one in (await find(context, nodes)).snapshots if one.name == name]
    places = [one.place for one in found if one.place != S3]
    pick(found, name)
    with phase(context.runtime.emit, "snapshot", context.cluster.name):
        for place in places or [_running(context, nodes)]:
            with _told(context, place, f"delete {name}"):
                await remote.delete(nodes.hosts[place], context.distribution, name)
    return tuple(found)


async def bring_back(
    context: Context, stack: AsyncExitStack, wanted: str, *, beginning: Callable[[], None]
) -> str:
    """Restore a snapshot: a name, `s3` for the newest in the bucket, or a file here. May be run again.

    The machines must exist. `beginning` is called before the first change. Returns what was restored.
    """
    nodes = await see_nodes(context, await made_outputs(context), stack)
    if rotation.pending(nodes.facts):
        raise PrerequisiteMissing(
            "a rotation of tokens has not come to its end, and a restore must know which ones are in force",
            hint=f"kbootstrap apply {context.spec.path} ends it; then run the same command again",
            code="KB0889",
        )
    servers = [node.name for node in nodes.wanted.servers]
    marks = {name: Mark.read(nodes.facts[name].restoring) for name in servers if nodes.facts[name].restoring}
    source = await _source(context, nodes, wanted, marks)
    leader = leader_of(servers, marks, source.snapshot)
    done = marks[leader].stage if leader in marks else ""
    with phase(context.runtime.emit, "restore", context.cluster.name):
        if done not in CARRIES:
            tokens = await _tokens(context, nodes, source, again=any(mark.new for mark in marks.values()))
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
    context: Context, nodes: Nodes, leader: str, source: Source, tokens: Bundle | None
) -> None:
    """Stop every node and restore the snapshot on the leader."""
    distro, new = context.distribution, tokens is not None
    begun = Mark(source.label, "begun", new=new)
    await together(restore.mark(nodes.hosts[node.name], begun) for node in nodes.wanted.servers)

    async def stop(name: str) -> None:
        role = nodes.wanted.node(name).role
        with _told(context, name, "stop the service"):
            await restore.stop(nodes.hosts[name], distro, role)
            if new and role == "agent":
                await restore.wipe(nodes.hosts[name], distro, role, everything=True)

    await together(stop(node.name) for node in nodes.wanted.nodes)
    host, path, from_bucket = nodes.hosts[leader], source.name, True
    if source.file:
        with _told(context, leader, f"send {source.name}"):
            await host.put(source.file, restore.FILE, mode=0o600, deadline=remote.SAVE)
        path, from_bucket = restore.FILE, False
    elif source.snapshot and source.snapshot.place != S3:
        path, from_bucket = f"{distro.paths.snapshots}/{source.name}", False
    with _told(context, leader, f"restore {source.name}"):
        await restore.reset(host, distro, path, from_bucket=from_bucket, new=tokens)
        await restore.mark(host, Mark(source.label, "reset", new=new))


async def _take_out_others(context: Context, nodes: Nodes, leader: str, label: str, *, new: bool) -> None:
    """Take the other servers, which are stopped, out of the etcd that they were in."""
    for node in nodes.wanted.servers:
        if node.name != leader:
            host = nodes.hosts[node.name]
            with _told(context, node.name, "take it out of etcd"):
                await restore.stop(host, context.distribution, "server")
                await restore.wipe(host, context.distribution, "server", everything=new)
                await restore.mark(host, Mark(label, "wiped", new=new))


async def _lead(context: Context, nodes: Nodes, leader: str, label: str, *, new: bool) -> None:
    """Start the leader, and remove what it remembers of nodes that are no more."""
    hands = Hands(nodes.hosts[leader], nodes.wanted, context.runtime.redactor)
    unit = context.distribution.unit("server")
    with _told(context, leader, "start the server that has the snapshot") as waiting:
        await hands.start(unit)
        await hands.serving(unit, waiting)
    with _told(context, leader, "remove stale Node objects"):
        names = [node.name for node in nodes.wanted.nodes]
        # Its own Node stays: k3s would not let go of it, and take it out of etcd once others have joined.
        await restore.forget_nodes(hands.host, context.distribution, [leader] if new else names, names)
        await restore.mark(hands.host, Mark(label, "serving", new=new))


async def _rejoin(context: Context, stack: AsyncExitStack, leader: str, servers: Sequence[str]) -> None:
    """Let every node join as `apply` does, then take the marks away; the leader's goes last."""
    nodes = await see_nodes(context, await made_outputs(context), stack)
    facts = {name: replace(found, restoring="") for name, found in nodes.facts.items()}
    nodes = replace(nodes, facts=facts, plan=decide(nodes.wanted, facts, nodes.api))
    refuse(context, nodes)
    text = await install(context, nodes)
    for name in [*(name for name in servers if name != leader), leader]:
        await restore.unmark(nodes.hosts[name])
    if text:
        switch = context.provider.traits.switches_context
        keep_kubeconfig(context, text, nodes.inventory.external, switch=switch)
    await keep_tokens(context, nodes)


async def _source(context: Context, nodes: Nodes, wanted: str, marks: Mapping[str, Mark]) -> Source:
    """Find what is wanted; where a restore was begun and cannot be undone, it must be the same."""
    begun = {mark.label for mark in marks.values()}
    fixed = any(mark.stage in CARRIES for mark in marks.values())
    path = Path(wanted)
    local = await asyncio.to_thread(path.is_file)
    label = path.name if local else wanted
    if fixed:
        if wanted != S3 and quoted(label) not in begun:
            raise PrerequisiteMissing(
                f"a restore of {', '.join(sorted(begun))} has not come to its end",
                hint="run that one again first",
                code="KB0870",
            )
        return Source(label if wanted != S3 else unquote(next(iter(begun))), None, None)
    if local:
        return Source(label, path, None)
    found = await find(context, nodes)
    if wanted == S3 and S3 in found.problems:
        raise InstallFailed(found.problems[S3], code="KB0873")
    chosen = pick(found.snapshots, wanted)
    return Source(chosen.name, None, chosen)


async def _tokens(context: Context, nodes: Nodes, source: Source, *, again: bool) -> Bundle | None:
    """Return the snapshot's tokens where the machines carry other ones, None where theirs fit.

    Which ones they are tells the token file beside the snapshot; without any, what the servers know of tokens
    that were rotated since. What the machines have is then kept for snapshots of now. `again`: a run before
    found that they do not fit, and may have replaced them.
    """
    found = await _fitting_tokens(context, nodes, source, again=again)
    if found:
        for host, own in await _own_tokens(context, nodes):
            if own.server != found.server:
                await renewing.retire(host, own.server, own.agent)
    return found


async def _own_tokens(context: Context, nodes: Nodes) -> list[tuple[Host, Bundle]]:
    """Return the tokens of each server that has any."""
    hosts = [nodes.hosts[node.name] for node in nodes.wanted.servers]
    name, redactor = context.cluster.name, context.runtime.redactor
    found = [(host, await remote.read_bundle(host, context.distribution, name, redactor)) for host in hosts]
    return [(host, own) for host, own in found if own]


async def _fitting_tokens(context: Context, nodes: Nodes, source: Source, *, again: bool) -> Bundle | None:
    snapshots, run = context.cluster.snapshots, context.runtime
    own = next((own for _, own in await _own_tokens(context, nodes)), None)
    found = await token_files(context, source)
    if not found:
        kept = await _retired(context, nodes, source)
        return kept if kept and (again or own is None or own.server != kept.server) else None
    if snapshots is None or snapshots.passphrase is None:
        raise CredentialsRefused(
            "there is a token beside the snapshot, and the spec names no passphrase to open it",
            hint="write `snapshots: {passphrase: {env: NAME}}`",
            code="KB0872",
        )
    if own and own.name == next(iter(found)) and not again:
        return None
    passphrase = read_passphrase(snapshots.passphrase, settings(context.spec, run), run.redactor)
    where, content = next(iter(found.items()))
    opened = unlock(content, passphrase, where=where)
    run.redactor.add(opened.server)
    run.redactor.add(opened.agent)
    return opened


async def _retired(context: Context, nodes: Nodes, source: Source) -> Bundle | None:
    """Return the tokens that were in force when the snapshot was made, where they were rotated since."""
    for node in nodes.wanted.servers:
        kept = await renewing.retired(nodes.hosts[node.name], source.made, context.runtime.redactor)
        if kept:
            return Bundle(context.cluster.name, *kept)
    return None


async def token_files(context: Context, source: Source) -> Mapping[str, bytes]:
    """Return the token files that belong to a source, by name, the likeliest first."""
    if source.file:
        paths = source.file.parent.glob(f"{PREFIX}*{SUFFIX}")
        likeliest = sorted(paths, key=lambda path: kept_with(path.stat().st_mtime, source.made))
        return {path.name: path.read_bytes() for path in likeliest}
    bucket = bucket_of(context)
    if bucket is None or not source.snapshot or source.snapshot.place != S3:
        return {}  # a file on a server is of the cluster that the server carries
    keys = tokens_in(await bucket.items(), source.snapshot.made)
    return {key.rpartition("/")[2]: await bucket.read(key) for key in keys}


async def _see(context: Context, stack: AsyncExitStack) -> Nodes:
    nodes = await see_nodes(context, await made_outputs(context), stack)
    if problems := [found.name for found in nodes.facts.values() if found.restoring]:
        raise PrerequisiteMissing(
            f"a restore has not come to its end on {', '.join(problems)}",
            hint="run the same `kbootstrap snapshot restore` again",
            code="KB0870",
        )
    return nodes


def _running(context: Context, nodes: Nodes) -> str:
    """Return a server whose service runs; raises `InstallFailed` (KB0875)."""
    unit = context.distribution.unit("server")
    for node in nodes.wanted.servers:
        found = nodes.facts.get(node.name)
        if found and found.unit(unit).active == "active":
            return node.name
    raise InstallFailed(
        f"no server of cluster {context.cluster.name} runs",
        hint=f"kbootstrap status {context.spec.path}",
        code="KB0875",
    )


def bucket_of(context: Context) -> Bucket | None:
    """Return the bucket of the spec, None where it names none; raises `CredentialsRefused` (KB0871)."""
    snapshots, run = context.cluster.snapshots, context.runtime
    if snapshots is None or snapshots.s3 is None:
        return None
    reader = settings(context.spec, run)
    return Bucket(
        snapshots.s3, read_keys(snapshots.s3, reader, run.redactor), read_authority(snapshots.s3, reader)
    )


def _told(context: Context, node: str, what: str) -> AbstractContextManager[Callable[[str], None]]:
    return Teller(context.cluster.name, context.runtime.emit).told(Doing(node=node, what=what))
