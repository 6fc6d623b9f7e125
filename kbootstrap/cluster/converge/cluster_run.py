"""What the nodes of one run share: hosts, tokens, and the API once a server has a kubeconfig."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kbootstrap.cluster.api.model import Api, Connect
from kbootstrap.cluster.converge.node_actions import NodeActions, staged_place
from kbootstrap.cluster.converge.pending import Arrival, Pending
from kbootstrap.cluster.converge.relay import Relay
from kbootstrap.cluster.converge.secrets import MakeSecret, PodSecrets
from kbootstrap.cluster.converge.server_loops import ServerLoops
from kbootstrap.cluster.converge.supervisor import await_supervisor
from kbootstrap.cluster.converge.tokens import Tokens
from kbootstrap.cluster.converge.unpacked import Unpacked
from kbootstrap.cluster.converge.watch import NodeWatch
from kbootstrap.cluster.observe.credentials import await_kubeconfig
from kbootstrap.cluster.state.desired import DesiredCluster, LocalFile
from kbootstrap.cluster.state.pods import Workloads
from kbootstrap.cluster.steps.files import StageFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.model import Host
from kbootstrap.inventory.model import Endpoint


@dataclass
class ClusterRun:
    """One run of one plan.

    `artifacts` has the files that the plan names, `external` is where the API answers for us, and `gate` is
    set when it does: then nodes may join. `make_secret` is asked for the content of a Secret of the plan,
    `pod_secrets` for those of the autoscaler.
    `shared`: artifacts may be in place on the nodes. `serving` is the server that opened the gate. `pending`
    is what is still being created, None if everything exists. `relay` passes artifacts on between nodes.
    By node: `started` is when its service was started (epoch, by its own clock), `ran` what ran on it before,
    `deferred` are those that activate new tokens once they serve, and `verified` those that reach the
    cluster.
    """

    plan: Plan
    desired: DesiredCluster
    hosts: Mapping[str, Host]
    artifacts: Mapping[str, LocalFile]
    external: Endpoint
    redactor: Redactor
    tokens: Tokens
    connect: Connect
    make_secret: MakeSecret | None
    shared: bool = False
    pending: Pending | None = None
    relay: Relay | None = None
    pod_secrets: PodSecrets | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    serving: str = ""
    kubeconfig: str = ""
    started: dict[str, int] = field(default_factory=dict)
    ran: dict[str, Workloads] = field(default_factory=dict)
    deferred: set[str] = field(default_factory=set)
    verified: set[str] = field(default_factory=set)
    unpacked: Unpacked = field(default_factory=Unpacked)
    server_loops: ServerLoops = field(default_factory=ServerLoops)
    _api: Api | None = None
    _watch: NodeWatch | None = None

    def extend(self, arrival: Arrival) -> tuple[str, ...]:
        """Add the nodes that have arrived; return those with steps."""
        new = {name: steps for name, steps in arrival.plan.steps.items() if name not in self.hosts}
        self.plan = replace(self.plan, steps={**self.plan.steps, **new})
        self.desired = arrival.desired
        self.hosts = {**arrival.hosts, **self.hosts}
        self.artifacts = {**self.artifacts, **arrival.artifacts}
        return tuple(new)

    def offer(self, name: str) -> None:
        """Let a node pass on the artifacts that it was sent, if others need them and the run has a relay."""
        sent = {
            step.artifact.name: staged_place(step.artifact, aside=step.aside)
            for step in self.plan.steps.get(name, ())
            if isinstance(step, StageFile)
        }
        others = any(self.plan.has(other, StageFile) for other in self.plan.steps if other != name)
        address = self.desired.node(name).address
        if self.relay and address and sent and (others or self.pending):
            self.relay.offer(self.hosts[name], address, sent)

    async def enter(self) -> None:
        """Wait until agents can join through the registration address; the gate is open."""
        if self.pending:
            await self.pending.entered(self.hosts[self.serving])

    async def close(self) -> None:
        """Close the connection to the API, and remove what was only for this run."""
        self.unpacked.close()
        if self.relay:
            await self.relay.close()
        if self._api:
            await self._api.close()

    async def open(self, name: str) -> None:
        """Let other nodes join, because this server serves; from now on the API can be used."""
        if self.gate.is_set():
            return
        host = self.hosts[name]
        # Also of a member: one whose first start was interrupted has its token only now that it serves.
        _, self.kubeconfig, _ = await asyncio.gather(
            self.tokens.read([host]),
            await_kubeconfig(host, self.desired.distro, self.redactor),
            await_supervisor(host, self.desired.distro),
        )
        self._api = self.connect(self.kubeconfig, self.external)
        self._watch = NodeWatch(self._api, network=self.desired.distro.installs_network)
        self.serving = name
        self.gate.set()

    def use_open(self, api: Api, watch: NodeWatch) -> None:
        """Use an API that is open already; its tokens are known."""
        self._api, self._watch = api, watch
        self.gate.set()

    @property
    def api(self) -> Api:
        """The API; only once the gate is open."""
        if self._api is None:
            raise RuntimeError("the gate is not open")
        return self._api

    @property
    def watch(self) -> NodeWatch:
        """The Node objects; only once the gate is open."""
        if self._watch is None:
            raise RuntimeError("the gate is not open")
        return self._watch

    def machine(self, name: str) -> NodeActions:
        """Return the actions on a node's machine."""
        return NodeActions(self.hosts[name], self.desired, self.redactor)

    async def look_at_servers(self) -> None:
        """Raise `InstallFailed` (KB0814) when all servers are crash-looping; asked while an agent waits."""
        servers = {one.name: self.machine(one.name) for one in self.desired.servers if one.name in self.hosts}
        await self.server_loops.look(servers, self.desired.distro.unit("server"))

    async def ready(self, name: str) -> bool:
        """Whether a node is Ready; asked when the gate is open."""
        node = await self.watch.node(name)
        return bool(node and node.ready)
