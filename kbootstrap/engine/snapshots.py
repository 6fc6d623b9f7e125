"""Shared by the snapshot commands: the locations of snapshots and tokens, and a server for requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from kbootstrap.cluster.converge.reporting import StepReporter
from kbootstrap.cluster.deadlines import COMMAND
from kbootstrap.cluster.snapshots import remote
from kbootstrap.cluster.snapshots.bucket import Bucket, BucketObject
from kbootstrap.cluster.snapshots.reporting import SnapshotStep
from kbootstrap.cluster.snapshots.select import (
    METADATA,
    in_bucket,
    kept_with,
    newest,
    newest_tokens,
    tokens_in,
)
from kbootstrap.cluster.snapshots.settings import read_authority, read_keys, read_passphrase
from kbootstrap.cluster.snapshots.vault import PREFIX, SUFFIX, Bundle, lock, unlock
from kbootstrap.cluster.state.restore_mark import quoted
from kbootstrap.cluster.state.snapshots import S3, Snapshot, made_at, ordered
from kbootstrap.core import files
from kbootstrap.core.errors import CredentialsRefused, InstallFailed, KbootstrapError, PrerequisiteMissing
from kbootstrap.engine.connect import settings
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import Nodes, observe_nodes
from kbootstrap.engine.outputs import made_outputs
from kbootstrap.spec.model import Reference


@dataclass(frozen=True, slots=True)
class FoundSnapshots:
    """Snapshots, the newest first, and the errors of locations that could not be listed."""

    snapshots: tuple[Snapshot, ...]
    problems: Mapping[str, str] = field(default_factory=dict)
    items: tuple[BucketObject, ...] = ()


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """What to restore: a file on this machine, or a snapshot; neither if it is already restored."""

    name: str
    file: Path | None
    snapshot: Snapshot | None

    @property
    def label(self) -> str:
        """The name as one word."""
        return quoted(self.name)

    @property
    def made(self) -> int:
        """When it was created (epoch)."""
        if self.snapshot:
            return self.snapshot.made
        return made_at(self.name, int(self.file.stat().st_mtime) if self.file else 0)


async def keep_tokens(context: Context, nodes: Nodes, to: Path | None = None, snapshot: str = "") -> None:
    """Store the encrypted tokens on every server and in the bucket, unless the newest file has them.

    `to` is a folder in which they are stored as the tokens of `snapshot`.
    """
    snapshots, run = context.cluster.snapshots, context.runtime
    if snapshots is None or snapshots.passphrase is None:
        return
    passphrase = read_passphrase(snapshots.passphrase, settings(context.spec, run), run.redactor)
    servers = [nodes.hosts[node.name] for node in nodes.desired.servers if node.name in nodes.hosts]
    bundle = None
    for host in servers:
        name = context.cluster.name
        bundle = bundle or await remote.read_bundle(host, context.distribution, name, run.redactor)
    if bundle is None:
        return
    content = lock(bundle, passphrase)
    for host in servers:
        if new := bundle.name_beside(newest(await remote.token_files(host))):
            await host.put(content, f"{remote.FOLDER}/{new}", mode=0o600, deadline=COMMAND)
    bucket = bucket_of(context)
    if bucket and (new := bundle.name_beside(newest_tokens(await bucket.items()))):
        await bucket.write(f"{bucket.prefix}{METADATA}{new}", content)
    if to:
        files.write(to / bundle.name_for(snapshot), content, mode=0o600)


async def find(context: Context, nodes: Nodes) -> FoundSnapshots:
    """Return every snapshot on the servers and in the bucket; `problems` has locations that do not answer."""
    found: list[Snapshot] = []
    problems = {name: error.message for name, error in nodes.unreachable.items()}
    for node in nodes.desired.servers:
        if node.name in nodes.hosts:
            found += await remote.listed(nodes.hosts[node.name], context.distribution)
    items: tuple[BucketObject, ...] = ()
    if bucket := bucket_of(context):
        try:
            items = await bucket.items()
            found += in_bucket(items, bucket.prefix)
        except KbootstrapError as error:
            problems[S3] = error.message
    return FoundSnapshots(ordered(found), problems, items)


async def token_files(context: Context, source: SnapshotSource) -> Mapping[str, bytes]:
    """Return the token files that belong to a source, by name, the likeliest first."""
    if source.file:
        paths = source.file.parent.glob(f"{PREFIX}*{SUFFIX}")
        likeliest = sorted(
            paths, key=lambda p: kept_with(p.name, p.stat().st_mtime, source.name, source.made)
        )
        return {path.name: path.read_bytes() for path in likeliest}
    bucket = bucket_of(context)
    if bucket is None or not source.snapshot or source.snapshot.place != S3:
        return {}  # a file on a server is of the cluster that the server carries
    keys = tokens_in(await bucket.items(), source.snapshot.made)
    return {key.rpartition("/")[2]: await bucket.read(key) for key in keys}


def passphrase_of(context: Context) -> Reference:
    """Return the spec's reference to the passphrase of the tokens; raises `CredentialsRefused` (KB0872)."""
    snapshots = context.cluster.snapshots
    if snapshots is None or snapshots.passphrase is None:
        raise CredentialsRefused(
            "the snapshot has an encrypted token beside it, and the spec names no passphrase",
            hint="write `snapshots: {passphrase: {env: NAME}}`",
            code="KB0872",
        )
    return snapshots.passphrase


def open_tokens(context: Context, passphrase: Reference, kept: Mapping[str, bytes]) -> Bundle:
    """Return the content of the first of the token files, the likeliest; it must not be empty."""
    run = context.runtime
    where, content = next(iter(kept.items()))
    opened = unlock(
        content, read_passphrase(passphrase, settings(context.spec, run), run.redactor), where=where
    )
    run.redactor.add(opened.server)
    run.redactor.add(opened.agent)
    return opened


async def see_servers(context: Context, stack: AsyncExitStack) -> Nodes:
    """Observe the nodes of a cluster that is not being restored; raises `PrerequisiteMissing` (KB0870)."""
    nodes = await observe_nodes(context, await made_outputs(context), stack)
    if problems := [found.name for found in nodes.facts.values() if found.restoring]:
        raise PrerequisiteMissing(
            f"a restore is not complete on {', '.join(problems)}",
            hint="run the same `kbootstrap snapshot restore` again",
            code="KB0870",
        )
    return nodes


def running_server(context: Context, nodes: Nodes) -> str:
    """Return a server whose service runs, else one whose service starts; raises `InstallFailed` (KB0875).

    One that starts is asked until it is ready (`observe/server_command.py`).
    """
    unit = context.distribution.unit("server")
    units = {n.name: nodes.facts[n.name].unit(unit) for n in nodes.desired.servers if n.name in nodes.facts}
    running = [name for name, one in units.items() if one.active == "active"]
    starting = [name for name, one in units.items() if one.started]
    if found := [*running, *starting]:
        return found[0]
    raise InstallFailed(
        f"no server of cluster {context.cluster.name} runs",
        hint=f"kbootstrap status {context.spec.path}",
        code="KB0875",
    )


def bucket_of(context: Context) -> Bucket | None:
    """Return the bucket of the spec; None if it has none. Raises `CredentialsRefused` (KB0871)."""
    snapshots, run = context.cluster.snapshots, context.runtime
    if snapshots is None or snapshots.s3 is None:
        return None
    reader = settings(context.spec, run)
    return Bucket(
        snapshots.s3, read_keys(snapshots.s3, reader, run.redactor), read_authority(snapshots.s3, reader)
    )


def reporting(context: Context, node: str, what: str) -> AbstractContextManager[Callable[[str], None]]:
    """Report a step about snapshots on a node while it runs."""
    return StepReporter(context.cluster.name, context.runtime.emit).report(SnapshotStep(node=node, what=what))
