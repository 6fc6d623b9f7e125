"""`kbootstrap status`: compares each cluster with the spec. Read-only."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from kbootstrap.cluster.decide import last_snapshots as last
from kbootstrap.cluster.decide import pod_network
from kbootstrap.cluster.decide.comparison import compare
from kbootstrap.cluster.decide.drift import Drift
from kbootstrap.cluster.snapshots.select import in_bucket
from kbootstrap.cluster.state.snapshots import Snapshot
from kbootstrap.core.concurrency import run_all
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.runtime import Runtime
from kbootstrap.engine.cluster_status import ClusterStatus, Statuses
from kbootstrap.engine.connect import QUICK_TIMEOUT
from kbootstrap.engine.context import Context, contexts
from kbootstrap.engine.observe import Nodes, observe_nodes
from kbootstrap.engine.outputs import current_outputs, missing_resources
from kbootstrap.engine.side_by_side import side_by_side
from kbootstrap.engine.snapshots import bucket_of
from kbootstrap.engine.spec import choose, read_spec
from kbootstrap.render.address import node as node_of


def chosen_clusters(spec: Path, clusters: Iterable[str], run: Runtime) -> tuple[Context, ...]:
    """Return the clusters to observe; raises errors in the spec or in their names."""
    loaded = read_spec(spec)
    return contexts(loaded, choose(loaded, clusters), run, changing=False)


async def status(chosen: Sequence[Context], *, patient: bool = False) -> Statuses:
    """Observe clusters side by side; a failure of one does not hide the others.

    Where it is the only one, its failure is raised, unless `patient`.
    """
    outcomes = await side_by_side((context, partial(look, context)) for context in chosen)
    if len(chosen) == 1 and not patient:
        outcomes.raise_failures()
    failed = next((error.exit_code for error in outcomes.failures.values()), 0)
    found = {**outcomes.results}
    for context in chosen:
        name, provider = context.cluster.name, context.cluster.provider.name
        if error := outcomes.failures.get(name):
            said = context.runtime.redactor.clean(" - ".join(filter(None, (error.message, error.hint))))
            found[name] = ClusterStatus(name, provider, note=said)
    return Statuses(tuple(found[context.cluster.name] for context in chosen), failed)


async def look(context: Context) -> ClusterStatus:
    """Compare a cluster with its spec; machines that do not answer are reported after a short wait."""
    name, provider = context.cluster.name, context.cluster.provider.name
    async with context.session(), AsyncExitStack() as stack:
        outputs = await current_outputs(context)
        if not outputs:
            return ClusterStatus(name, provider, note="it has not been created yet", made=False)
        nodes, gone, (copies, problem) = await _all(context, outputs, stack)
    lost = {node: why for address, why in gone.items() if (node := node_of(address, name))}
    found = last.judge(context.cluster.snapshots, nodes.facts, copies, problem)
    holders = [facts.lease.who for facts in nodes.facts.values() if facts.lease]
    return ClusterStatus(
        name,
        provider,
        endpoint=nodes.inventory.external.url,
        rows=compare(
            nodes.desired,
            nodes.facts,
            nodes.api,
            nodes.plan,
            gone=lost,
            unreachable={node: error.message for node, error in nodes.unreachable.items()},
            elastic=nodes.elastic.machines,
            passing=nodes.elastic.moving,
        ),
        holder=holders[0] if holders else None,
        drift=_elsewhere(name, gone),
        diagnostics=(
            *nodes.plan.diagnostics,
            *pod_network.silent(nodes.desired, nodes.facts, nodes.api),
            *last.problems(found),
        ),
        snapshots=found,
    )


async def _all(
    context: Context, outputs: Mapping[str, Any], stack: AsyncExitStack
) -> tuple[Nodes, Mapping[str, str], tuple[Collection[Snapshot], str]]:
    """Observe nodes, infrastructure and bucket concurrently."""
    looks: tuple[Coroutine[Any, Any, Any], ...] = (
        observe_nodes(context, outputs, stack, tolerant=True),
        missing_resources(context, outputs),
        _copies(context),
    )
    nodes, gone, copies = await run_all(looks)
    return nodes, gone, copies


async def _copies(context: Context) -> tuple[Collection[Snapshot], str]:
    """Return the snapshots in the bucket, or why it could not be listed."""
    try:
        bucket = bucket_of(context)
        if bucket is None:
            return (), ""
        async with asyncio.timeout(QUICK_TIMEOUT):
            return in_bucket(await bucket.items(), bucket.prefix), ""
    except KbootstrapError as error:
        return (), error.message
    except TimeoutError:
        return (), f"it did not answer within {QUICK_TIMEOUT:g} s"


def _elsewhere(cluster: str, gone: Mapping[str, str]) -> tuple[Drift, ...]:
    """Return missing resources that belong to no node: a network, a load balancer."""
    return tuple(
        Drift("infrastructure", address, why)
        for address, why in gone.items()
        if node_of(address, cluster) is None
    )
