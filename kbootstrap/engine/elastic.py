"""Elastic machines as members of the fleet: found in the infrastructure, observed and removed like others.

The infrastructure's list is the truth about them; OpenTofu and the outputs do not have them. Only machines
with a Node are members: the others are being created by the server of Cluster Autoscaler, which alone takes
care of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from kbootstrap.cluster.decide import autoscaler_pods
from kbootstrap.cluster.decide.removal import Removal
from kbootstrap.cluster.observe.facts import gather
from kbootstrap.cluster.state.api_facts import ApiFacts, ApiNode
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.core.errors import DeadlinePassed, HostKeyChanged, KbootstrapError
from kbootstrap.engine.context import Context
from kbootstrap.hosts.model import Connector, Host
from kbootstrap.inventory.model import Machine
from kbootstrap.plans.elastic import NOTHING, Elastic, judge
from kbootstrap.providers.elastic import ElasticMachine, MachinePhase
from kbootstrap.spec.model import Pool

GONE = 240.0
"""Seconds for the deletion of machines."""
_POLL = 1.0


async def elastic_machines(context: Context) -> tuple[ElasticMachine, ...]:
    """Return the cluster's elastic machines; none if its provider makes none."""
    able = context.provider.elastic_machines
    return await able.list(context.provider_context) if able else ()


async def elastic(context: Context, api: ApiFacts | None, asked: Collection[str] = ()) -> Elastic:
    """Return what happens to the elastic machines; nothing is known of them while the API does not answer.

    The list is read after the Nodes: what is a Node and in no list has no machine.
    """
    if api is None or context.provider.elastic_machines is None:
        return NOTHING
    pools = {pool.born: pool for pool in context.cluster.pools}
    known = {name: node.ready for name, node in api.nodes.items()}
    machines = await elastic_machines(context)
    for one in machines:
        if one.name in api.nodes:
            known[one.name] = _installed(api.nodes[one.name], pools.get(one.pool))
    # The server that took care of them was one of the pods that the spec no longer has.
    left = context.cluster.autoscaler is None and api.pods_mark is not None
    return judge(
        context.cluster,
        context.lock,
        context.nodes,
        machines,
        known,
        time.time(),
        asked,
        abandoned=autoscaler_pods.GONE if left else "",
    )


def _installed(node: ApiNode, pool: Pool | None) -> bool:
    """Return whether nothing is left to do for the server that installs a node: labels are set last."""
    labelled = node.applied is not None or pool is None or not (pool.labels or pool.taints)
    return node.ready and node.known and labelled


def with_elastic(removal: Removal, found: Elastic, api: ApiFacts | None, version: str) -> Removal:
    """Return the removals, plus the elastic nodes that must leave, and Nodes that lost their machine.

    The latter, and machines that never became a node, only where no version changes: that must not wait for
    them (KB0856).
    """
    nodes = api.nodes if api else {}
    changing = any(node.ready and node.version != version for node in nodes.values())
    lost = [name for name in found.passing if not nodes[name].ready and not changing]
    leaving = {
        name: why
        for name, why in found.leaving.items()
        if not changing or name in nodes or name in found.first
    }
    return replace(
        removal,
        removed={**removal.removed, **dict.fromkeys([*leaving, *lost], "agent")},
        elastic=leaving,
        passing=found.passing,
    )


@dataclass(frozen=True, slots=True)
class ElasticHosts:
    """Connections to elastic nodes. `failures` has the others, with the reason."""

    machines: Mapping[str, Machine] = field(default_factory=dict)
    hosts: Mapping[str, Host] = field(default_factory=dict)
    facts: Mapping[str, NodeFacts] = field(default_factory=dict)
    failures: Mapping[str, KbootstrapError] = field(default_factory=dict)


async def reach_elastic(
    context: Context,
    outputs: Mapping[str, Any],
    found: Elastic,
    stack: AsyncExitStack,
    via: Connector,
    *,
    deadline: float,
    tolerant: bool,
) -> ElasticHosts:
    """Connect to elastic nodes that stay or leave, and gather facts.

    They may go at any moment, so none of them is required. Raises `HostKeyChanged`, unless `tolerant`.
    """
    from kbootstrap.hosts.pool import reach_all

    names = {*(node.name for node in found.staying), *found.leaving}
    wanted = [one for name, one in found.machines.items() if name in names]
    if not wanted:
        return ElasticHosts()
    inventory = await context.provider.inventory(
        context.provider_context,
        with_machines(outputs, wanted),
        starting=False,
        tolerate_missing=[one.name for one in wanted],
    )
    reached = await stack.enter_async_context(reach_all(via, inventory.machines.values(), deadline=deadline))
    failures = {**inventory.absent, **reached.failures}
    changed = next((one for one in failures.values() if isinstance(one, HostKeyChanged)), None)
    if changed is not None and not tolerant:
        raise changed
    facts = await gather(reached.hosts, context.distribution, failures)
    return ElasticHosts(inventory.machines, reached.hosts, facts, failures)


def with_machines(outputs: Mapping[str, Any], machines: Collection[ElasticMachine]) -> Mapping[str, Any]:
    """Return outputs whose nodes are only these machines; the endpoint and the bastion stay; pure."""
    nodes = {
        one.name: {"role": "agent", "pool": one.pool, "address": one.address, "instance": one.id}
        for one in machines
    }
    return {**outputs, "kbootstrap": {**outputs["kbootstrap"], "nodes": nodes}}


async def departed(context: Context, names: Collection[str]) -> frozenset[str]:
    """Return those of the nodes whose elastic machine has gone, or is being deleted.

    For failures while something is done to them: Cluster Autoscaler may remove an idle node at any moment.
    """
    there = {one.name for one in await elastic_machines(context) if one.phase is not MachinePhase.DELETING}
    return frozenset(names) - there


async def delete_machine(context: Context, name: str) -> None:
    """Delete the elastic machine of a node, and wait until it is gone."""
    await _delete(context, lambda one: one.name == name)


async def delete_all(context: Context) -> None:
    """Delete all elastic machines of the cluster, and wait until they are gone."""
    await _delete(context, lambda _one: True)


async def _delete(context: Context, chosen: Callable[[ElasticMachine], bool]) -> None:
    able, end = context.provider.elastic_machines, time.monotonic() + GONE
    requested: set[str] = set()
    while able is not None:
        left = [one for one in await able.list(context.provider_context) if chosen(one)]
        if not left:
            return
        if time.monotonic() > end:
            raise DeadlinePassed(
                f"{', '.join(sorted(one.name for one in left))} of cluster {context.cluster.name} did not go "
                f"within {GONE:.0f} s",
                hint="run the same command again; it deletes what is left",
                code="KB1406",
            )
        fresh = [one for one in left if one.id not in requested]
        await asyncio.gather(*(able.delete(context.provider_context, one) for one in fresh))
        requested |= {one.id for one in fresh}
        if not fresh:
            await asyncio.sleep(_POLL)
