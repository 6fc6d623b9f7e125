"""Observes the nodes of a cluster: connections, facts, the API, and the plan that follows from them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from kbootstrap.cluster.api.http import connect as connect_api
from kbootstrap.cluster.api.observe import observe
from kbootstrap.cluster.deadlines import OBSERVE, STARTING
from kbootstrap.cluster.decide import autoscaler_pods
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.desired import desired_state
from kbootstrap.cluster.decide.host_record import RECORD
from kbootstrap.cluster.decide.removal import NO_REMOVALS, Removal
from kbootstrap.cluster.observe.credentials import fetch_kubeconfig
from kbootstrap.cluster.observe.facts import gather
from kbootstrap.cluster.state.api_facts import ApiFacts
from kbootstrap.cluster.state.desired import DesiredCluster
from kbootstrap.cluster.state.node_facts import NodeFacts
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.errors import HostUnreachable, KbootstrapError
from kbootstrap.core.events import Event, Status, Type, phase
from kbootstrap.distros.additions import AUTOSCALER_SECRETS
from kbootstrap.distros.model import Role
from kbootstrap.engine import node_secrets
from kbootstrap.engine.api_route import route_to_api, servers_in_state
from kbootstrap.engine.bundled_programs import bundled_programs
from kbootstrap.engine.connect import CONNECT, QUICK_TIMEOUT, connector, take_lease
from kbootstrap.engine.context import Context
from kbootstrap.engine.elastic import elastic, reach_elastic, with_elastic
from kbootstrap.engine.removed_hosts import inspect_removed, recorded
from kbootstrap.hosts.model import Connector, Host
from kbootstrap.inventory.model import Endpoint, Inventory
from kbootstrap.plans.elastic import NOTHING, Elastic
from kbootstrap.render.address import is_node
from kbootstrap.tofu.plan import PlanSummary


class NotRunning(HostUnreachable):
    """Existing machines are shut off, and were not started because the command is read-only."""

    @classmethod
    def of(cls, error: KbootstrapError) -> NotRunning:
        """Return this error for one machine, or for several."""
        return cls(error.message, detail=error.detail, hint=error.hint, code=error.code, host=error.host)


def silent(summary: PlanSummary, unseen: HostUnreachable) -> bool:
    """Return whether nodes do not answer and the plan does not restore them."""
    return summary.empty and not isinstance(unseen, NotRunning)


@dataclass(frozen=True, slots=True)
class Nodes:
    """The observed machines. `hosts` are open connections; `unreachable` has the reasons for missing ones.

    `api_endpoint` is where the API answers for this run. `kubeconfig` is a server's admin kubeconfig, None
    while there is no cluster. `plan` is about the nodes in `facts` only: where some are missing, it is for
    looking, not for carrying out. `elastic` are the elastic machines; those of them that are nodes are in the
    other fields too.
    """

    inventory: Inventory
    api_endpoint: Endpoint
    hosts: Mapping[str, Host]
    unreachable: Mapping[str, KbootstrapError]
    facts: Mapping[str, NodeFacts]
    kubeconfig: str | None
    api: ApiFacts | None
    desired: DesiredCluster
    plan: Plan
    removal: Removal = NO_REMOVALS
    elastic: Elastic = NOTHING

    @property
    def arches(self) -> frozenset[str]:
        """The architectures of the machines."""
        return frozenset(facts.arch for facts in self.facts.values())

    def replan(self, removal: Removal) -> Nodes:
        """Return the same nodes, with a plan for other removals."""
        return replace(self, removal=removal, plan=_decide(self.desired, self.facts, self.api, removal))


async def observe_nodes(
    context: Context,
    outputs: Mapping[str, Any],
    stack: AsyncExitStack,
    *,
    tolerant: bool = False,
    starting: bool = True,
    removal: Removal = NO_REMOVALS,
    patience: float = CONNECT,
    members: bool = True,
) -> Nodes:
    """Connect to every machine of the outputs, gather facts, and decide. Connections live as long as `stack`.

    `tolerant`: nothing is started, `unreachable` has the machines that do not answer, servers try the
    network of the pods, and machines with maintenance count their updates; otherwise machines that do not
    answer raise `HostUnreachable`. Without `starting` machines that would have to be started raise
    `NotRunning`; with it, what is found will be changed: the cluster's lease is taken first, and held as
    long. Machines of nodes in `removal` may not answer, or may be deleted already: then `unreachable` has
    them too. `patience` is how long (seconds) the others may take to answer. Without `members` elastic
    machines are left out.
    """
    from kbootstrap.hosts.pool import connect_all, reach_all, summary

    run = context.runtime
    with phase(run.emit, "connect", context.cluster.name):
        inventory = await context.provider.inventory(
            context.provider_context,
            outputs,
            starting=starting and not tolerant,
            tolerate_missing=removal.names,
        )
        absent = {name: error for name, error in inventory.absent.items() if name not in removal.names}
        if absent and not tolerant:
            raise NotRunning.of(summary(absent))
        via, machines = connector(context), inventory.machines.values()
        patient = [] if tolerant else [one for one in machines if one.name not in removal.names]
        brief = [one for one in machines if one not in patient]
        needed = await stack.enter_async_context(connect_all(via, patient, deadline=patience))
        seen = await stack.enter_async_context(reach_all(via, brief, deadline=QUICK_TIMEOUT))
        hosts, failures = {**needed, **seen.hosts}, inventory.absent | seen.failures
        if starting and not tolerant:
            hosts = await take_lease(context, hosts, stack)
    additions = context.additions
    everything = desired_state(
        context.cluster, context.nodes, inventory, context.distribution, additions=additions
    )
    facts = await gather(
        hosts,
        context.distribution,
        failures,
        {node.name: node.volumes for node in everything.nodes},
        required=needed,
        overlay=tolerant,
        updates=tolerant and context.cluster.maintenance is not None,
    )
    text = await fetch_kubeconfig(hosts, facts, context.distribution, run.redactor, tolerant=tolerant)
    way = inventory.external, inventory.jump
    if not tolerant:
        way = route_to_api(context, inventory, facts, removal)
    api_endpoint = await stack.enter_async_context(via.reach_endpoint(*way))
    record = RECORD if context.existing_machines is not None else None
    wait = OBSERVE
    if starting and not tolerant and text and (beginning := _beginning(context, facts)):
        wait = STARTING
        run.emit(_waiting(context, beginning))
    pods = additions.autoscaler or autoscaler_pods.installed(context.distribution, facts.values())
    api, good, access = await asyncio.gather(
        _observe(text, api_endpoint, additions.secret, record, wait, pods=pods),
        _valid(context.valid_credentials, asked=bool(text and additions.secret)),
        _valid(context.valid_access, asked=bool(text and additions.autoscaler)),
    )
    if api and not context.distribution.installs_network:
        api = api.without_network()
    everything = replace(
        everything,
        good=good,
        access=access,
        private=node_secrets.of_servers(context, tolerant=tolerant),
        common=node_secrets.of_nodes(context, tolerant=tolerant),
        bundled=bundled_programs(context),
    )
    if record is None:
        removal = _with_forgotten(context, removal, outputs, api)
    else:
        everything = replace(everything, machines=recorded(outputs["kbootstrap"]["nodes"]))
    if record is not None and not tolerant:
        left = await inspect_removed(context, outputs, everything, api, stack, via, deadline=QUICK_TIMEOUT)
        guard = context.lease.guard if starting else lambda host: host
        hosts = {**hosts, **{name: guard(host) for name, host in left.hosts.items()}}
        facts, removal = {**facts, **left.facts}, left.removal
    nodes = Nodes(
        inventory=inventory,
        api_endpoint=api_endpoint,
        hosts=hosts,
        unreachable=failures,
        facts=facts,
        kubeconfig=text,
        api=api,
        desired=everything,
        plan=_decide(everything, facts, api, removal),
        removal=removal,
    )
    if not members:
        return nodes
    return await _with_elastic(
        context, outputs, nodes, stack, via, guarded=starting and not tolerant, tolerant=tolerant
    )


async def _with_elastic(
    context: Context,
    outputs: Mapping[str, Any],
    nodes: Nodes,
    stack: AsyncExitStack,
    via: Connector,
    *,
    guarded: bool,
    tolerant: bool,
) -> Nodes:
    """Return the nodes with those on elastic machines; those that do not answer are left alone."""
    found = await elastic(context, nodes.api, nodes.removal.asked)
    if not (found.machines or found.passing):
        return nodes
    more = await reach_elastic(context, outputs, found, stack, via, deadline=QUICK_TIMEOUT, tolerant=tolerant)
    hosts = {name: context.lease.guard(host) if guarded else host for name, host in more.hosts.items()}
    inventory = replace(nodes.inventory, machines={**nodes.inventory.machines, **more.machines})
    staying = [node for node in found.staying if tolerant or node.name in more.facts]
    own = desired_state(
        context.cluster, staying, inventory, context.distribution, additions=nodes.desired.additions
    )
    known = replace(
        nodes,
        inventory=inventory,
        hosts={**nodes.hosts, **hosts},
        unreachable={**nodes.unreachable, **more.failures},
        facts={**nodes.facts, **more.facts},
        desired=replace(nodes.desired, nodes=(*nodes.desired.nodes, *own.nodes)),
        elastic=found,
    )
    return known.replan(with_elastic(nodes.removal, found, nodes.api, nodes.desired.version))


async def _valid(ask: Callable[[], Awaitable[frozenset[str]]], *, asked: bool) -> frozenset[str]:
    return await ask() if asked else frozenset()


def _beginning(context: Context, facts: Mapping[str, NodeFacts]) -> str | None:
    """Return a server whose service is starting, if none runs yet."""
    if servers_in_state(context, facts, "active"):
        return None
    unit = context.distribution.unit("server")
    starting = servers_in_state(context, facts, "activating")
    return next((name for name in starting if not facts[name].crash_looping(unit)), None)


def _waiting(context: Context, server: str) -> Event:
    return Event(
        type=Type.STEP,
        cluster=context.cluster.name,
        node=server,
        step="ask the API",
        status=Status.WAITING,
        detail=f"{context.distribution.unit('server')} is starting",
    )


async def route_around_removed(context: Context, nodes: Nodes, stack: AsyncExitStack) -> Nodes:
    """Return the nodes with a route to the API through none of the nodes to be removed."""
    where, through = route_to_api(context, nodes.inventory, nodes.facts, nodes.removal)
    if where == nodes.inventory.external:
        return nodes
    return replace(
        nodes, api_endpoint=await stack.enter_async_context(connector(context).reach_endpoint(where, through))
    )


async def observe_more(
    context: Context,
    nodes: Nodes,
    outputs: Mapping[str, Any],
    stack: AsyncExitStack,
    *,
    patience: float = CONNECT,
) -> Nodes:
    """Connect to the new agents that the outputs have besides `nodes`, and decide for all that answer.

    `nodes` were observed with the cluster's lease, and are not observed again. `unreachable` has the agents
    that do not answer within `patience` seconds.
    """
    from kbootstrap.hosts.pool import reach_all

    inventory = await context.provider.inventory(context.provider_context, outputs)
    new = [one for name, one in inventory.machines.items() if name not in nodes.hosts]
    found = await stack.enter_async_context(reach_all(connector(context), new, deadline=patience))
    hosts, failures = {name: context.lease.guard(host) for name, host in found.hosts.items()}, found.failures
    everything = desired_state(
        context.cluster, context.nodes, inventory, context.distribution, additions=context.additions
    )
    everything = replace(
        everything,
        good=nodes.desired.good,
        access=nodes.desired.access,
        private=nodes.desired.private,
        common=nodes.desired.common,
        bundled=nodes.desired.bundled,
    )
    volumes = {node.name: node.volumes for node in everything.nodes}
    seen = await gather(hosts, context.distribution, failures, volumes)
    facts = {**nodes.facts, **seen}
    return replace(
        nodes,
        inventory=inventory,
        hosts={**nodes.hosts, **{name: host for name, host in hosts.items() if name in seen}},
        unreachable=failures,
        facts=facts,
        desired=everything,
        plan=_decide(everything, facts, nodes.api, nodes.removal),
    )


def _decide(
    desired: DesiredCluster, facts: Mapping[str, NodeFacts], api: ApiFacts | None, removal: Removal
) -> Plan:
    partial = any(node.name not in facts and node.name not in removal.replaced for node in desired.nodes)
    return decide(desired, facts, api, partial=partial, removal=removal)


def _with_forgotten(
    context: Context, removal: Removal, outputs: Mapping[str, Any], api: ApiFacts | None
) -> Removal:
    """Return the removals, plus Nodes of missing machines: with a name of this cluster, and not Ready."""
    known = {*(node.name for node in context.nodes), *outputs.get("kbootstrap", {}).get("nodes", {})}
    left: dict[str, Role] = {
        name: "agent" if node.etcd is None else "server"
        for name, node in (api.nodes.items() if api else ())
        if name not in known and not node.ready and is_node(name, context.cluster.name)
    }
    return replace(removal, removed={**left, **removal.removed})


async def _observe(
    kubeconfig: str | None,
    api_endpoint: Endpoint,
    secret: str | None,
    record: str | None,
    patience: float,
    *,
    pods: bool,
) -> ApiFacts | None:
    if not kubeconfig:
        return None
    api = connect_api(kubeconfig, api_endpoint)
    try:
        of_pods = AUTOSCALER_SECRETS[-1] if pods else None
        return await observe(api, secret, record, of_pods, patience=patience)
    finally:
        await api.close()
