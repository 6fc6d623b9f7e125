"""Carries a plan out: files go to all nodes in parallel, servers serve one by one, agents in parallel.

    first server   files ─ start ─ serving ─┬─ Ready
    other servers  ──── files ──────────────┼─ start, all together ─ serving ─ (next) …
    agents         ──── files ──────────────┴─ start ─ Ready                  at most 50 at once

While the infrastructure is still being created, agents may follow later (`pending.py`), and agents join only
when the registration address leads to the servers. The servers of a new cluster join through the first one.

The files of the first server are sent first, since all other nodes wait for it. A server that runs already
opens the gate at once. Servers that join start together: each prepares itself, then asks to become a member
of etcd, which accepts one at a time; k3s and RKE2 repeat the request (k3s source, `pkg/etcd/etcd.go`,
`Start`). What follows is done for one after the other. One that fails to join stops those after it, not the
agents.

Another version, new tokens and new certificates roll: each node is Ready before the next one begins, first
the servers, then the agents. There, and where services restart, the first failure stops all nodes that have
not begun: what broke one node would break the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from kbootstrap.cluster.api.http import connect, preload_imports
from kbootstrap.cluster.api.model import Connect
from kbootstrap.cluster.converge.cluster_run import ClusterRun
from kbootstrap.cluster.converge.executor import Executor
from kbootstrap.cluster.converge.limits import Slots
from kbootstrap.cluster.converge.pending import Pending
from kbootstrap.cluster.converge.quorum import await_quorum
from kbootstrap.cluster.converge.relay import Relay
from kbootstrap.cluster.converge.reporting import StepReporter
from kbootstrap.cluster.converge.secrets import MakeSecret, PodSecrets
from kbootstrap.cluster.converge.tokens import Tokens
from kbootstrap.cluster.observe.credentials import await_kubeconfig
from kbootstrap.cluster.state.desired import DesiredCluster, LocalFile
from kbootstrap.cluster.steps.plan import Plan
from kbootstrap.cluster.steps.rotation import RenewCertificates, TokenStep
from kbootstrap.cluster.steps.service import RestartService, StartService, WaitServing
from kbootstrap.core.concurrency import first
from kbootstrap.core.errors import InstallFailed, KbootstrapError
from kbootstrap.core.events import Emit, nowhere
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.model import Host
from kbootstrap.inventory.model import Endpoint

Departed = Callable[[Collection[str]], Awaitable[frozenset[str]]]
"""Returns those of the nodes that have left the cluster, with their machines."""
SENDING = 16
"""Machines that are sent files at the same time; more only share the same uplink."""


async def converge(
    plan: Plan,
    desired: DesiredCluster,
    hosts: Mapping[str, Host],
    *,
    artifacts: Mapping[str, LocalFile],
    external: Endpoint,
    redactor: Redactor,
    emit: Emit = nowhere,
    connect: Connect = connect,
    make_secret: MakeSecret | None = None,
    shared: bool = False,
    pending: Pending | None = None,
    relay: Relay | None = None,
    departed: Departed | None = None,
    pod_secrets: PodSecrets | None = None,
) -> str:
    """Carry out the plan and return the admin kubeconfig of a server.

    `artifacts` must have everything that `plan.artifacts` names. `external` is where the API answers for us.
    `make_secret` returns the content of a Secret that the plan writes, `pod_secrets` makes and ends those of
    the autoscaler. `shared`: the nodes may have artifacts in place (`SharedArtifacts`). `pending` is what is
    still being created, `relay` passes artifacts on between nodes. `departed` returns which nodes have left
    meanwhile: nothing failed there.
    Every step is reported through `emit` and has a deadline (`deadlines.py`). When a node fails, others
    continue where that is safe; then `InstallFailed` or `DeadlinePassed` of the first failure is raised, with
    the node's name, the last lines of its journal and the next command to run.
    """
    if plan.refused:
        raise InstallFailed("this plan was refused", diagnostics=plan.diagnostics)
    rotating = any(isinstance(step, TokenStep) for step in plan.all_steps)
    tokens = Tokens(desired.distro, redactor, rotating=rotating)
    run = ClusterRun(
        plan,
        desired,
        hosts,
        artifacts,
        external,
        redactor,
        tokens,
        connect,
        make_secret,
        shared,
        pending,
        relay,
        pod_secrets,
    )
    try:
        executor = Executor(run, StepReporter(plan.cluster, emit))
        return await _Schedule(run, executor, departed).everything()
    finally:
        await run.close()


class _Schedule:
    """Decides when the stages of each node begin, in one run of one plan."""

    def __init__(self, run: ClusterRun, executor: Executor, departed: Departed | None) -> None:
        self.run, self.executor = run, executor
        self.departed, self.away = departed, set[str]()
        self.gate, self.rolling = run.gate, run.plan.rolling
        self.server_queue = self._server_queue()
        self.sent_first = asyncio.Event()
        self.sending = asyncio.Semaphore(SENDING)
        self.slots = Slots(self.plan, self.desired)
        self.failures: dict[str, KbootstrapError] = {}
        self.started: set[str] = set()
        self.servers_done = asyncio.Event()
        self.halted = False

    @property
    def plan(self) -> Plan:
        return self.run.plan

    @property
    def desired(self) -> DesiredCluster:
        return self.run.desired

    async def everything(self) -> str:
        run = self.run
        agents = [name for name in self.plan.steps if self.desired.node(name).role == "agent"]
        try:
            if self.plan.members:
                await run.tokens.read([run.hosts[name] for name in self.plan.members])
                await self._open_at_once()
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(preload_imports))
                transfers = {name: group.create_task(self._send(name)) for name in self.plan.steps}
                group.create_task(self._servers(transfers, group))
                for name in agents:
                    group.create_task(self._agent(name, transfers[name]))
                group.create_task(self._late(transfers, group))
        except BaseExceptionGroup as failures:
            error = first(failures)
            if isinstance(error, KbootstrapError):
                others = {name: other for name, other in self.failures.items() if other is not error}
                error = _summary({error.host or "": error, **others})
            raise error from None
        if self.failures:
            raise _summary(self.failures)
        if any(isinstance(step, RenewCertificates) for step in self.plan.all_steps):
            member = run.hosts[self.plan.members[0]]
            return await await_kubeconfig(member, self.desired.distro, run.redactor)
        return run.kubeconfig

    def _server_queue(self) -> tuple[str, ...]:
        """Order the servers with steps: the initial server; members, stopped ones first; joining servers."""
        plan = self.plan

        def rank(name: str) -> tuple[bool, bool, bool]:
            return (
                name != plan.initial_server,
                name not in plan.members,
                self.plan.has(name, RestartService),
            )

        return tuple(sorted((n.name for n in self.desired.servers if n.name in plan.steps), key=rank))

    async def _open_at_once(self) -> None:
        """Open the gate if a member already serves."""
        running = [n for n in self.plan.members if not self.plan.has(n, StartService, WaitServing)]
        if not running and self.rolling:  # they serve until they restart, and answer until then
            running = [n for n in self.plan.members if self.plan.has(n, RestartService)]
        if running:
            await self.run.open(running[0])

    async def _send(self, name: str) -> None:
        """Carry out the steps that need no running cluster, on the first server first."""
        leads = not self.server_queue or name == self.server_queue[0]
        if not leads:
            await self.sent_first.wait()
        try:
            async with self.sending:
                await self.executor.send(name)
            if name in self.server_queue[:1]:
                self.run.offer(name)
        except KbootstrapError as error:
            await self._fail(name, error)
        finally:
            if leads:
                self.sent_first.set()

    async def _servers(self, transfers: Mapping[str, asyncio.Task[None]], group: asyncio.TaskGroup) -> None:
        try:
            await self._run_servers(transfers, group)
        finally:
            self.halted = self.halted or (self.rolling and any(n in self.failures for n in self.server_queue))
            self.servers_done.set()

    async def _run_servers(
        self, transfers: Mapping[str, asyncio.Task[None]], group: asyncio.TaskGroup
    ) -> None:
        await self._start_stopped(transfers)
        if self.rolling:  # newer addons start on any node, with images that must be there
            await asyncio.gather(*map(asyncio.shield, transfers.values()))
        joins: dict[str, asyncio.Task[KbootstrapError | None]] = {}
        for name in self.server_queue:
            await asyncio.shield(transfers[name])
            if name in self.failures:
                if not self.gate.is_set():
                    raise self.failures[name]
                if self.rolling:
                    return
                continue
            try:
                if self._joins(name):
                    joins = joins or self._start_joining(transfers, group)
                    if error := await asyncio.shield(joins[name]):
                        raise error
                await self._await_quorum(name)
                await self._serve(name)
                await self.run.open(name)
            except KbootstrapError as error:
                await self._fail(name, error)
                if not self.gate.is_set():
                    raise
                return
            if self.plan.has(name, RestartService):
                await self._finish(name)
                if name in self.failures:
                    return
            else:
                group.create_task(self._finish(name))

    def _joins(self, name: str) -> bool:
        """Whether a server joins a cluster that serves."""
        return name != self.plan.initial_server and name not in self.plan.members

    def _start_joining(
        self, transfers: Mapping[str, asyncio.Task[None]], group: asyncio.TaskGroup
    ) -> dict[str, asyncio.Task[KbootstrapError | None]]:
        """Start all servers that join, each when it has its files. The tasks return what failed."""

        async def start(name: str) -> KbootstrapError | None:
            await asyncio.shield(transfers[name])
            if name in self.failures:
                return None
            try:
                await self.executor.change(name)
            except KbootstrapError as error:
                return error
            self.started.add(name)
            return None

        return {name: group.create_task(start(name)) for name in self.server_queue if self._joins(name)}

    async def _await_quorum(self, name: str) -> None:
        """Wait until etcd keeps its quorum while this member restarts, once the API answers."""
        if self.plan.has(name, RestartService) and self.gate.is_set():
            await await_quorum(name, self.plan.members, self.run.ready, "restarted")

    async def _start_stopped(self, transfers: Mapping[str, asyncio.Task[None]]) -> None:
        """Start all stopped members together: one alone has no quorum and would never serve."""
        stopped = [n for n in self.server_queue if n in self.plan.members and self.plan.has(n, StartService)]
        if len(stopped) < 2:
            return
        await asyncio.gather(*(asyncio.shield(transfers[name]) for name in stopped))
        for name in stopped:
            try:
                if name not in self.failures:
                    await self.executor.change(name)
                    self.started.add(name)
            except KbootstrapError as error:
                await self._fail(name, error)

    async def _agent(self, name: str, transfer: asyncio.Task[None]) -> None:
        # Shielded: cancelling a task that waits for another one cancels that one too. If it fails at the same
        # moment, its failure replaces the cancellation, and this task would continue.
        await asyncio.shield(transfer)
        await self.gate.wait()
        try:
            await self.run.enter()
        except KbootstrapError as error:  # the server that looks for the way: the other servers go on
            await self._fail(name, error)
        if self.rolling:  # a kubelet is never newer than the servers
            await self.servers_done.wait()
        if name not in self.failures and name not in self.away:
            await self._in_slot(name)
        await self.slots.ended(name, well=name not in self.failures)

    async def _late(self, transfers: Mapping[str, asyncio.Task[None]], group: asyncio.TaskGroup) -> None:
        """Install the agents that arrive later; when all have their files, nothing more is passed on."""
        sent = list(transfers.values())
        if self.run.pending:
            sent += await self._arrivals(self.run.pending, group)
        await asyncio.gather(*map(asyncio.shield, sent))
        if self.run.relay:
            await self.run.relay.close()

    async def _arrivals(self, pending: Pending, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Install the agents that arrive, and return their transfers.

        A failure to reach some does not stop the others.
        """
        sent = []
        try:
            async for arrival in pending.arrivals:
                for name in self.run.extend(arrival):
                    sent.append(group.create_task(self._send(name)))
                    group.create_task(self._agent(name, sent[-1]))
        except KbootstrapError as error:
            await self._fail(error.host or "", error)
        return sent

    async def _in_slot(self, name: str) -> None:
        async with self.slots.slot(name) as free:
            if not free or (self.halted and (self.rolling or self.plan.has(name, RestartService))):
                return
            try:
                await self._serve(name)
                await self._finish(name)
            except KbootstrapError as error:
                await self._fail(name, error)
            if name in self.failures and self.plan.has(name, RestartService):
                self.halted = True

    async def _serve(self, name: str) -> None:
        """Carry out the steps from the token to the running service."""
        if name not in self.started:
            await self.executor.change(name)
        await self.executor.serving(name)

    async def _finish(self, name: str) -> None:
        try:
            await self.executor.finish(name)
        except KbootstrapError as error:
            await self._fail(name, error)

    async def _fail(self, name: str, error: KbootstrapError) -> None:
        """Record a failure, unless the node has left: then nothing more is done to it."""
        if self.departed is not None:
            self.away |= await self.departed([name])
        if name not in self.away:
            self.failures.setdefault(name, error)


def _summary(failures: Mapping[str, KbootstrapError]) -> KbootstrapError:
    """Return the first failure; it names the other nodes that failed."""
    names: Sequence[str] = list(failures)
    error = failures[names[0]]
    if len(names) == 1:
        return error
    return type(error)(
        f"{error.message} (failed too: {', '.join(names[1:])})",
        hint=error.hint,
        detail=error.detail,
        code=error.code,
        host=error.host,
    )
