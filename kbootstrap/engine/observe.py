"""What is there, beside what is wanted: the infrastructure and the nodes of one cluster as one plan."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kbootstrap.cluster.api import connect as connect_api
from kbootstrap.cluster.api import observe
from kbootstrap.cluster.deadlines import OBSERVE, STARTING
from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.decide.desired import wanted
from kbootstrap.cluster.decide.host_record import RECORD
from kbootstrap.cluster.decide.removal import NOBODY, Going
from kbootstrap.cluster.decide.steps import Plan
from kbootstrap.cluster.observe.credentials import fetch_kubeconfig
from kbootstrap.cluster.observe.facts import gather
from kbootstrap.cluster.snapshots.settings import private_files
from kbootstrap.cluster.state.model import ApiFacts, NodeFacts, Wanted
from kbootstrap.core.errors import CredentialsRefused, HostUnreachable, KbootstrapError
from kbootstrap.core.events import Event, Status, Type, phase
from kbootstrap.core.runtime import Runtime
from kbootstrap.distros.model import Role
from kbootstrap.engine.bundled_programs import bundled_programs
from kbootstrap.engine.context import Context
from kbootstrap.engine.removed_hosts import recorded, visit
from kbootstrap.hosts.model import Host
from kbootstrap.inventory.model import Endpoint, Inventory, SshTarget
from kbootstrap.render.address import is_node
from kbootstrap.render.root import API_PORT
from kbootstrap.spec.model import Spec
from kbootstrap.spec.references import Reader
from kbootstrap.tofu.plan import PlanSummary

if TYPE_CHECKING:  # asyncssh is for when a connection is made
    from kbootstrap.hosts.ssh import SshConnector

CONNECT = 90.0
"""Seconds in which every machine must answer SSH; a container needs 2, a cloud's machine up to a minute."""
GLANCE = 15.0
"""Seconds for commands that only look: they show what does not answer instead of waiting for it."""


class NotRunning(HostUnreachable):
    """Machines exist that are not up, and were not started because the command only looks."""

    @classmethod
    def of(cls, error: KbootstrapError) -> NotRunning:
        """Return the error of a machine, or of several, as this one."""
        return cls(error.message, detail=error.detail, hint=error.hint, code=error.code, host=error.host)


def silent(summary: PlanSummary, unseen: HostUnreachable) -> bool:
    """Tell whether nodes do not answer that nothing brings back: no change planned, and no start."""
    return summary.empty and not isinstance(unseen, NotRunning)


@dataclass(frozen=True, slots=True)
class Nodes:
    """The machines that exist, seen at one moment. `hosts` are open connections; `unreachable` says why not.

    `door` is where the API answers for this run. `kubeconfig` is a server's admin kubeconfig, None while
    there is no cluster. `plan` is about the nodes in `facts` only: where some are missing, it is for looking,
    not for carrying out.
    """

    inventory: Inventory
    door: Endpoint
    hosts: Mapping[str, Host]
    unreachable: Mapping[str, KbootstrapError]
    facts: Mapping[str, NodeFacts]
    kubeconfig: str | None
    api: ApiFacts | None
    wanted: Wanted
    plan: Plan
    going: Going = NOBODY

    def again(self, going: Going) -> Nodes:
        """Return the same nodes, with a plan in which other ones go."""
        return replace(self, going=going, plan=_decide(self.wanted, self.facts, self.api, going))


async def see_nodes(
    context: Context,
    outputs: Mapping[str, Any],
    stack: AsyncExitStack,
    *,
    tolerant: bool = False,
    starting: bool = True,
    going: Going = NOBODY,
) -> Nodes:
    """Connect to every machine of the outputs, gather facts, and decide. Connections live as long as `stack`.

    `tolerant`: nothing is started, and machines that do not answer are told in `unreachable`; otherwise they
    raise `HostUnreachable`. Without `starting` machines that would have to be started raise `NotRunning`;
    with it, what is found will be changed: the cluster's lease is taken first, and held as long.
    Machines that are `going` may be silent, or gone already: then they are told in `unreachable` too.
    """
    from kbootstrap.hosts.pool import connect_all, reach_all, summary

    run = context.runtime
    with phase(run.emit, "connect", context.cluster.name):
        inventory = await context.provider.inventory(
            context.cluster, outputs, context.around, starting=starting and not tolerant, spare=going.names
        )
        absent = {name: error for name, error in inventory.absent.items() if name not in going.names}
        if absent and not tolerant:
            raise NotRunning.of(summary(absent))
        via, machines = connector(context), inventory.machines.values()
        patient = [] if tolerant else [one for one in machines if one.name not in going.names]
        brief = [one for one in machines if one not in patient]
        needed = await stack.enter_async_context(connect_all(via, patient, deadline=CONNECT))
        seen = await stack.enter_async_context(reach_all(via, brief, deadline=GLANCE))
        hosts, failures = {**needed, **seen.hosts}, inventory.absent | seen.failures
        if starting and not tolerant:
            hosts = await _locked(context, hosts, stack)
    additions = context.additions
    everything = wanted(context.cluster, context.nodes, inventory, context.distribution, additions=additions)
    facts = await gather(
        hosts,
        context.distribution,
        failures,
        {node.name: node.volumes for node in everything.nodes},
        required=needed,
    )
    text = await fetch_kubeconfig(hosts, facts, context.distribution, run.redactor, tolerant=tolerant)
    way = inventory.external, inventory.jump
    if not tolerant:
        way = way_in(context, inventory, facts, going)
    door = await stack.enter_async_context(via.door(*way))
    record = RECORD if context.given is not None else None
    patience = OBSERVE
    if starting and not tolerant and text and (beginning := _beginning(context, facts)):
        patience = STARTING
        run.emit(_waiting(context, beginning))
    api = await _observe(text, door, additions.secret, record, patience) if text else None
    good = await context.good_marks() if text and additions.secret else frozenset()
    everything = replace(
        everything,
        good=good,
        private=_private(context, tolerant=tolerant),
        bundled=bundled_programs(context),
    )
    if record is None:
        going = _with_forgotten(context, going, outputs, api)
    else:
        everything = replace(everything, machines=recorded(outputs["kbootstrap"]["nodes"]))
    if record is not None and not tolerant:
        left = await visit(context, outputs, everything, api, stack, via, deadline=GLANCE)
        guard = context.lease.guard if starting else lambda host: host
        hosts = {**hosts, **{name: guard(host) for name, host in left.hosts.items()}}
        facts, going = {**facts, **left.facts}, left.going
    return Nodes(
        inventory=inventory,
        door=door,
        hosts=hosts,
        unreachable=failures,
        facts=facts,
        kubeconfig=text,
        api=api,
        wanted=everything,
        plan=_decide(everything, facts, api, going),
        going=going,
    )


def _servers(context: Context, facts: Mapping[str, NodeFacts], state: str) -> list[str]:
    """Return the servers whose service is in a state, in the order of the spec."""
    unit = context.distribution.unit("server")
    names = (node.name for node in context.nodes if node.role == "server")
    return [name for name in names if name in facts and facts[name].unit(unit).active == state]


def _beginning(context: Context, facts: Mapping[str, NodeFacts]) -> str | None:
    """Return a server whose service is just starting, where none runs yet."""
    if _servers(context, facts, "active"):
        return None
    unit = context.distribution.unit("server")
    starting = (
        name for name in _servers(context, facts, "activating") if not facts[name].crash_looping(unit)
    )
    return next(starting, None)


def _waiting(context: Context, server: str) -> Event:
    return Event(
        type=Type.STEP,
        cluster=context.cluster.name,
        node=server,
        step="ask the API",
        status=Status.WAITING,
        detail=f"{context.distribution.unit('server')} is starting",
    )


def way_in(
    context: Context, inventory: Inventory, facts: Mapping[str, NodeFacts], going: Going
) -> tuple[Endpoint, SshTarget | None]:
    """Return where the API is asked, and through which machine; pure.

    That is where operators ask it. But a floating IP leads to the first server: while that is away, or about
    to go, another one that serves is asked, on itself.
    """
    external, jump = inventory.external, inventory.jump
    if context.cluster.api.endpoint != "floating_ip":
        return external, jump
    there = inventory.machines.keys() - going.names
    serving = [name for name in _servers(context, facts, "active") if name in there]
    first = next(node.name for node in context.nodes if node.role == "server")
    if not serving or serving[0] == first:
        return external, jump
    inside = Endpoint("127.0.0.1", API_PORT, external.server_name or external.host)
    through = inventory.machines[serving[0]]
    return inside, replace(through.ssh, instance=through.instance, host_keys=through.host_keys)


async def past_the_leaving(context: Context, nodes: Nodes, stack: AsyncExitStack) -> Nodes:
    """Return the nodes with a way to the API that none of those who go stands on."""
    where, through = way_in(context, nodes.inventory, nodes.facts, nodes.going)
    if where == nodes.inventory.external:
        return nodes
    return replace(nodes, door=await stack.enter_async_context(connector(context).door(where, through)))


def _decide(wanted: Wanted, facts: Mapping[str, NodeFacts], api: ApiFacts | None, going: Going) -> Plan:
    partial = any(node.name not in facts and node.name not in going.renewed for node in wanted.nodes)
    return decide(wanted, facts, api, partial=partial, going=going)


def _with_forgotten(
    context: Context, going: Going, outputs: Mapping[str, Any], api: ApiFacts | None
) -> Going:
    """Return who goes, with nodes whose machine is gone already: of our form of name, and not Ready."""
    known = {*(node.name for node in context.nodes), *outputs.get("kbootstrap", {}).get("nodes", {})}
    left: dict[str, Role] = {
        name: "agent" if node.etcd is None else "server"
        for name, node in (api.nodes.items() if api else ())
        if name not in known and not node.ready and is_node(name, context.cluster.name)
    }
    return Going({**left, **going.removed}, going.renewed)


def _private(context: Context, *, tolerant: bool) -> Mapping[str, str]:
    """Read what servers must have and no plan may show; `tolerant`: nothing where it is not there."""
    snapshots, run = context.cluster.snapshots, context.runtime
    try:
        return private_files(snapshots, context.distribution.paths, settings(context.spec, run), run.redactor)
    except CredentialsRefused:
        if tolerant:
            return {}
        raise


def settings(spec: Spec, run: Runtime) -> Reader:
    """Return what reads the references of the spec's `snapshots:`."""
    return Reader(spec.path.parent, run.env, "snapshots", "KB0871")


def _agents(context: Context) -> frozenset[str]:
    """Return who keeps no lease; nodes that the spec does not name any more may be servers, and do."""
    return frozenset(node.name for node in context.nodes if node.role == "agent")


async def _locked(context: Context, hosts: Mapping[str, Host], stack: AsyncExitStack) -> dict[str, Host]:
    """Take the cluster's lease on its servers; return the hosts as those that need it from now on."""
    agents = _agents(context)
    await context.lease.take({name: host for name, host in hosts.items() if name not in agents})
    stack.push_async_callback(context.lease.release)
    return {name: context.lease.guard(host) for name, host in hosts.items()}


async def lock(context: Context, outputs: Mapping[str, Any], stack: AsyncExitStack) -> None:
    """Take the cluster's lease on those servers that answer, where this run does not have it yet.

    For changes that begin without a look at every node: a machine is gone, or all are to be removed.
    """
    if context.lease.held or not outputs.get("kbootstrap"):
        return
    from kbootstrap.hosts.pool import reach_all

    try:
        inventory = await context.provider.inventory(context.cluster, outputs, context.around, starting=False)
    except KbootstrapError:
        return  # nothing is known of the machines: what is wrong is told by who needs them
    agents = _agents(context)
    machines = [one for name, one in inventory.machines.items() if name not in agents]
    reached = await stack.enter_async_context(reach_all(connector(context), machines, deadline=GLANCE))
    await _locked(context, reached.hosts, stack)


def connector(context: Context) -> SshConnector:
    """Return what opens SSH connections to the cluster's machines, with the cluster's pins."""
    from kbootstrap.hosts.known_hosts import KnownHosts
    from kbootstrap.hosts.ssh import SshConnector

    run, pins = context.runtime, KnownHosts(context.space.known_hosts)
    return SshConnector(pins, run.redactor, run.emit, cluster=context.cluster.name, env=run.env)


async def _observe(
    kubeconfig: str, door: Endpoint, secret: str | None, record: str | None, patience: float
) -> ApiFacts | None:
    api = connect_api(kubeconfig, door)
    try:
        return await observe(api, secret, record, patience=patience)
    finally:
        await api.close()
