"""Finds the tokens of a snapshot, if the machines have other tokens now."""

from __future__ import annotations

from kbootstrap.cluster.converge import rotation as renewing
from kbootstrap.cluster.snapshots import remote
from kbootstrap.cluster.snapshots.vault import Bundle
from kbootstrap.engine.context import Context
from kbootstrap.engine.observe import Nodes
from kbootstrap.engine.snapshots import SnapshotSource, open_tokens, passphrase_of, token_files
from kbootstrap.hosts.model import Host


async def tokens_for(context: Context, nodes: Nodes, source: SnapshotSource, *, again: bool) -> Bundle | None:
    """Return the snapshot's tokens; None if the tokens on the machines match it.

    The token file beside the snapshot says which ones they are; without one, what the servers know of tokens
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
    hosts = [nodes.hosts[node.name] for node in nodes.desired.servers]
    name, redactor = context.cluster.name, context.runtime.redactor
    found = [(host, await remote.read_bundle(host, context.distribution, name, redactor)) for host in hosts]
    return [(host, own) for host, own in found if own]


async def _fitting_tokens(
    context: Context, nodes: Nodes, source: SnapshotSource, *, again: bool
) -> Bundle | None:
    own = next((own for _, own in await _own_tokens(context, nodes)), None)
    found = await token_files(context, source)
    if not found:
        kept = await _retired(context, nodes, source)
        return kept if kept and (again or own is None or own.server != kept.server) else None
    passphrase = passphrase_of(context)
    if own and own.is_in(next(iter(found))) and not again:
        return None
    return open_tokens(context, passphrase, found)


async def _retired(context: Context, nodes: Nodes, source: SnapshotSource) -> Bundle | None:
    """Return the tokens that were valid when the snapshot was created, if they were rotated since."""
    for node in nodes.desired.servers:
        kept = await renewing.retired(nodes.hosts[node.name], source.made, context.runtime.redactor)
        if kept:
            return Bundle(context.cluster.name, *kept)
    return None
