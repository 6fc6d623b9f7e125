"""`kbootstrap kubeconfig`: reads the admin kubeconfig of clusters from their servers."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

from kbootstrap.core.errors import WrongUsage
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.kubeconfig import admin_kubeconfig, entries, keep_kubeconfig
from kbootstrap.engine.observe import observe_nodes
from kbootstrap.engine.outputs import made_outputs
from kbootstrap.engine.spec import choose, read_spec
from kbootstrap.kubeconfig.admin import write_own_copy


async def kubeconfig(
    spec: Path, clusters: Iterable[str], run: Runtime, *, merge: bool
) -> tuple[tuple[Path, str], ...]:
    """Return path and text of each cluster's own kubeconfig; with `merge` merge it into the operator's."""
    loaded = read_spec(spec)
    chosen = contexts(loaded, choose(loaded, clusters), run, changing=False)
    if len(chosen) > 1 and not merge:
        names = ", ".join(context.cluster.name for context in chosen)
        raise WrongUsage(f"which cluster? Choose one with --cluster: {names}")
    async with AsyncExitStack() as stack:
        return tuple([(one.space.kubeconfig, await _of_cluster(one, stack, merge=merge)) for one in chosen])


async def _of_cluster(context: Context, stack: AsyncExitStack, *, merge: bool) -> str:
    """Return the admin kubeconfig for operators; write kbootstrap's copy, and with `merge` the operator's."""
    nodes = await observe_nodes(context, await made_outputs(context), stack, tolerant=True)
    text = admin_kubeconfig(context, nodes)
    if merge:
        switch = context.provider.traits.switches_context
        keep_kubeconfig(context, text, nodes.inventory.external, switch=switch)
    else:
        _, name = entries(context)
        write_own_copy(context.space.kubeconfig, text, name, nodes.inventory.external)
    return context.space.kubeconfig.read_text(encoding="utf-8")
