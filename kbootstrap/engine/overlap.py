"""Installs the nodes of a new cluster while OpenTofu still creates other resources.

    OpenTofu    network ─ machines ─┬─ load balancer, other machines ─────────┬─ outputs
    nodes                           └─ servers: install, serve ─ agents join ─┴─ API answers outside

OpenTofu reports each resource that it has created. When a machine, its volumes and the way to it exist, the
provider returns the outputs of that node before OpenTofu writes them. Only machines that this run creates are
used so; docs/decisions/0060 has the reasons.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kbootstrap.cluster.api.http import connect as connect_api
from kbootstrap.cluster.api.observe import patiently
from kbootstrap.cluster.converge.pending import Arrival, Pending
from kbootstrap.cluster.converge.supervisor import joins_through
from kbootstrap.cluster.deadlines import API
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.core.errors import HostKeyChanged, HostUnreachable, InstallFailed, KbootstrapError
from kbootstrap.core.events import Event, Status, Type, phase
from kbootstrap.engine.cluster_plan import ClusterPlan, stale_is_moved
from kbootstrap.engine.connect import connector
from kbootstrap.engine.created import Created
from kbootstrap.engine.infrastructure import carry_out
from kbootstrap.engine.install import fetch_artifacts, install, verify_allowed
from kbootstrap.engine.observe import Nodes, observe_more, observe_nodes
from kbootstrap.engine.verify_programs import verify_programs
from kbootstrap.hosts.model import Host
from kbootstrap.hosts.pool import summary
from kbootstrap.inventory.model import Endpoint
from kbootstrap.plans.checks import is_machine
from kbootstrap.providers.capabilities import MachinesInCreation
from kbootstrap.spec.topology import API_PORT

PATIENCE = 300.0
"""Seconds in which a new machine must answer SSH, from its creation on: this includes its first boot."""
_BATCH = 30.0
"""Seconds for one attempt to reach new agents: so long, those that answer wait for those that do not."""
_LOOK = 1.0
"""Seconds between two looks at the registration address, which start a program on the server, and at machines
that do not answer."""
_ENTRANCE = "wait until nodes can join through the registration address"


def overlaps(planned: ClusterPlan) -> bool:
    """Return whether the plan creates a whole cluster whose machines can be used early; pure."""
    made = {change.node for change in planned.infrastructure.of("create") if is_machine(change)}
    return (
        planned.context.provider.machines_in_creation is not None
        and planned.nodes is None
        and not planned.known
        and made.issuperset(node.name for node in planned.context.nodes)
        and all(change.kind == "create" for change in planned.infrastructure.changes)
    )


async def create_cluster(planned: ClusterPlan) -> tuple[Nodes, str] | None:
    """Carry out a plan that `overlaps`; return the nodes and a server's admin kubeconfig.

    None: OpenTofu has ended, and no node was installed, because the servers were not there before or are not
    unprovisioned. When a node fails, OpenTofu first ends by itself. When OpenTofu fails, its error is raised,
    and the installation stops where it is: the next run continues it.
    """
    return await _Overlap(planned).carry_out()


@dataclass
class _Overlap:
    planned: ClusterPlan
    created: Created = field(init=False)
    early: dict[str, Any] = field(default_factory=dict)
    """The outputs of the nodes that were used early."""
    addresses: tuple[str, ...] = ()
    """What OpenTofu creates."""

    def __post_init__(self) -> None:
        # A run that failed before it created machines may have left floating IPs and volumes in the state.
        self.created = Created(self.planned.state.by_address)
        self.addresses = tuple(change.address for change in self.planned.infrastructure.of("create"))

    async def carry_out(self) -> tuple[Nodes, str] | None:
        infrastructure = asyncio.create_task(self._infrastructure())
        installation = asyncio.create_task(self._installation())
        both = (infrastructure, installation)
        try:
            await asyncio.wait({infrastructure})
            infrastructure.result()
            installed = await installation
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        return await self._complete(*installed) if installed else None

    async def _infrastructure(self) -> None:
        planned, context = self.planned, self.planned.context
        try:
            with phase(context.runtime.emit, "infrastructure", context.cluster.name), stale_is_moved(planned):
                await carry_out(context, planned.tofu, planned.infrastructure, self.created.add)
        finally:
            self.created.end()

    async def _installation(self) -> tuple[Nodes, str] | None:
        try:
            return await self._install()
        except KbootstrapError as error:
            if not self.created.ended:
                detail = f"{error.message}; the infrastructure is completed first"
                self.planned.context.runtime.emit(Event(type=Type.DIAGNOSTIC, detail=detail))
            raise

    async def _install(self) -> tuple[Nodes, str] | None:
        planned, context = self.planned, self.planned.context
        servers = {node.name for node in context.nodes if node.role == "server"}
        while not self.usable() >= servers and await self.created.more():
            pass
        if not self.usable() >= servers:
            return None
        outputs = await self.outputs(servers)
        nodes = await observe_nodes(context, outputs, planned.connections, patience=PATIENCE)
        if any(facts.claimed or facts.traces for facts in nodes.facts.values()):
            return None
        if planned.agreed:
            planned.agreed.verify(context.cluster.name, nodes.plan)
        verify_allowed(context, nodes)
        arrivals = _Arrivals(self, await self._through_server(nodes))
        pending = Pending(arrivals.each(), self._entrance)
        text = await install(context, arrivals.nodes, planned.downloads, pending)
        return arrivals.nodes, str(text)

    def usable(self) -> frozenset[str]:
        """Return the nodes of which everything exists by now."""
        context, ids = self.planned.context, self.created.ids
        return _machines(self.planned).ready(context.provider_context, self.addresses, ids)

    async def outputs(self, names: Collection[str]) -> Mapping[str, Any]:
        """Return the outputs of these nodes; those of an earlier call are among them."""
        context = self.planned.context
        found = await _machines(self.planned).outputs(context.provider_context, self.created.ids, names)
        self.early = {**found["kbootstrap"]}
        return found

    async def _through_server(self, nodes: Nodes) -> Nodes:
        """Return the nodes with a route to the API through the first server: there is no other one yet."""
        context, machine = self.planned.context, nodes.inventory.machines[str(nodes.plan.initial_server)]
        inside = Endpoint("127.0.0.1", API_PORT, nodes.inventory.internal.host)
        through = replace(machine.ssh, instance=machine.instance, host_keys=machine.host_keys)
        route = connector(context).reach_endpoint(inside, through)
        return replace(nodes, api_endpoint=await self.planned.connections.enter_async_context(route))

    async def _entrance(self, server: Host) -> None:
        """Wait until nodes can join through the registration address, which may be a load balancer's.

        Without an end of its own: where OpenTofu has ended for a while, the agents' own errors say more.
        """
        context, begun, late = self.planned.context, time.monotonic(), None
        distro, internal = context.distribution, Endpoint(**self.early["endpoint"]["internal"])
        url = f"https://{internal.host}:{distro.registration_port}"
        if any(str(node.address) == internal.host for node in context.nodes):
            return

        def report(status: Status, seconds: float | None = None) -> None:
            context.runtime.emit(Event(type=Type.STEP, step=_ENTRANCE, status=status, seconds=seconds))

        report(Status.STARTED)
        while not await joins_through(server, distro, url):
            if self.created.ended:
                late = late or time.monotonic() + API
                if time.monotonic() > late:
                    break
            await asyncio.sleep(_LOOK)
        report(Status.DONE, time.monotonic() - begun)

    async def _complete(self, nodes: Nodes, text: str) -> tuple[Nodes, str]:
        """Compare the machines with OpenTofu's outputs, and wait for the API where operators reach it."""
        planned, context = self.planned, self.planned.context
        outputs = (await planned.tofu.state()).outputs
        verify_same(context.cluster.name, self.early, outputs["kbootstrap"])
        inventory = await context.provider.inventory(context.provider_context, outputs)
        route = connector(context).reach_endpoint(inventory.external, inventory.jump)
        external = await planned.connections.enter_async_context(route)
        api = connect_api(text, external)
        try:
            await patiently(api.nodes)
        finally:
            await api.close()
        return replace(nodes, inventory=inventory, api_endpoint=external), text


@dataclass
class _Arrivals:
    """Observes the agents as they arrive; `nodes` are all by now, `lost` those that never answer."""

    overlap: _Overlap
    nodes: Nodes
    lost: dict[str, KbootstrapError] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)

    async def each(self) -> AsyncIterator[Arrival]:
        """Yield agents in batches, until all have answered, or OpenTofu has ended and no more can.

        Raises the failures of those that do not answer, when the others are there.
        """
        created, every = self.overlap.created, {node.name for node in self.overlap.planned.context.nodes}
        while every - self.nodes.hosts.keys() - self.lost.keys():
            if not self._new() and not await created.more() and not self._new():
                break
            if not (new := self._new()):
                continue
            if arrival := await self._arrival(new):
                yield arrival
            else:
                await asyncio.sleep(_LOOK)
        if self.lost:
            raise summary(self.lost)

    def _new(self) -> frozenset[str]:
        return self.overlap.usable() - self.nodes.hosts.keys() - self.lost.keys()

    async def _arrival(self, new: Collection[str]) -> Arrival | None:
        """Observe new agents; None if none of them answers yet."""
        overlap, context, before = self.overlap, self.overlap.planned.context, self.nodes
        now = time.monotonic()
        outputs = await overlap.outputs({*before.hosts, *new})
        stack = overlap.planned.connections
        self.nodes = await observe_more(context, before, outputs, stack, patience=_BATCH)
        for name in {*new} - self.nodes.hosts.keys():
            error = self.nodes.unreachable[name]
            final = not isinstance(error, HostUnreachable) or isinstance(error, HostKeyChanged)
            if final or now - self._since.setdefault(name, now) > PATIENCE:
                self.lost[name] = error
        if self.nodes.hosts.keys() == before.hosts.keys():
            return None
        verify_allowed(context, self.nodes)
        verify_programs(context, self.nodes.desired, self.nodes.plan, self.nodes.facts)
        plan, arches, artifacts = self.nodes.plan, self.nodes.arches, dict[str, LocalFile]()
        if arches != before.arches:
            artifacts.update(await fetch_artifacts(context, plan, arches, overlap.planned.downloads))
        return Arrival(plan, self.nodes.desired, self.nodes.hosts, artifacts)


def verify_same(cluster: str, early: Mapping[str, Any], final: Mapping[str, Any]) -> None:
    """Raise `InstallFailed` (KB0863) if machines that were used early are not those of the outputs; pure."""
    every = {name: (node, final["nodes"].get(name)) for name, node in early["nodes"].items()}
    every["the bastion"] = early.get("bastion"), final.get("bastion")
    every["the endpoint"] = early["endpoint"]["internal"], final["endpoint"]["internal"]
    differing = [
        f"{name}: {used}; in the outputs: {made}"
        for name, (used, made) in every.items()
        if any((made or {}).get(key) != value for key, value in (used or {}).items())
    ]
    if differing:
        raise InstallFailed(
            f"cluster {cluster} was installed on other machines than those in OpenTofu's outputs",
            hint="run the same command again: it looks at the machines of the outputs",
            detail="\n".join(differing),
            code="KB0863",
        )


def _machines(planned: ClusterPlan) -> MachinesInCreation:
    found = planned.context.provider.machines_in_creation
    if found is None:
        raise RuntimeError("only plans that overlap are carried out here")
    return found
