"""Fetches a snapshot with its tokens, for use in another cluster; its own cluster is only read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from kbootstrap.cluster.observe.credentials import read_secret
from kbootstrap.cluster.snapshots import remote
from kbootstrap.cluster.snapshots.select import in_bucket, likeliest, on_disk, pick
from kbootstrap.cluster.snapshots.vault import Bundle
from kbootstrap.cluster.state.snapshots import S3, Snapshot, ordered
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import Nodes, observe_nodes
from kbootstrap.engine.outputs import made_outputs
from kbootstrap.engine.snapshots import SnapshotSource, bucket_of, open_tokens, passphrase_of, token_files


@dataclass(frozen=True, slots=True)
class SnapshotBundle:
    """A snapshot with its tokens; `file` is set if it is on this machine."""

    snapshot: Snapshot
    tokens: Bundle = field(repr=False)
    content: bytes = field(default=b"", repr=False)
    file: Path | None = None


async def fetch_bundle(context: Context, snapshot: str) -> SnapshotBundle:
    """Fetch a snapshot and its tokens: a file, else from the bucket, else from a server that answers."""
    path = Path(snapshot)
    if found := on_disk(path):
        tokens = _opened(context, found, await token_files(context, SnapshotSource(path.name, path, None)))
        return SnapshotBundle(found, tokens, file=path)
    bucket = bucket_of(context)
    if bucket:
        try:
            kept = in_bucket(await bucket.items(), bucket.prefix)
        except KbootstrapError:
            if snapshot == S3:
                raise
            kept = ()
        if snapshot == S3 or any(one.name == snapshot for one in kept):
            found = pick(kept, snapshot)
            tokens = _opened(
                context, found, await token_files(context, SnapshotSource(snapshot, None, found))
            )
            return SnapshotBundle(found, tokens, await bucket.read(f"{bucket.prefix}{found.name}"))
    elif snapshot == S3:
        pick((), S3)
    async with AsyncExitStack() as stack:
        nodes = await observe_nodes(context, await made_outputs(context), stack, tolerant=True)
        return await _from_servers(context, nodes, snapshot)


async def _from_servers(context: Context, nodes: Nodes, snapshot: str) -> SnapshotBundle:
    """Fetch a snapshot from the server that has it, and the tokens stored there."""
    distro, there = context.distribution, [node.name for node in nodes.desired.servers]
    listed = [await remote.listed(nodes.hosts[name], distro) for name in there if name in nodes.hosts]
    found = pick(ordered(one for some in listed for one in some), snapshot)
    host = nodes.hosts[found.place]
    paths = likeliest(await remote.token_files(host), found.made)
    kept = {path: await read_secret(host, path) for path in paths}
    own = None
    if context.cluster.snapshots is None or context.cluster.snapshots.passphrase is None or not kept:
        own = await remote.read_bundle(host, distro, context.cluster.name, context.runtime.redactor)
    tokens = own or _opened(context, found, {path: text.encode() for path, text in kept.items()})
    return SnapshotBundle(found, tokens, await remote.fetch(host, distro, found.name))


def _opened(context: Context, snapshot: Snapshot, kept: Mapping[str, bytes]) -> Bundle:
    """Open the likeliest of the token files."""
    if not kept:
        raise PrerequisiteMissing(
            f"the snapshot {snapshot.name} has no token beside it, and cannot be restored without one",
            hint="`snapshots: {passphrase: …}` in the spec makes `apply` keep it; for a file, put the "
            "kbootstrap-token-….json of the same time into its folder",
            code="KB0890",
        )
    return open_tokens(context, passphrase_of(context), kept)
