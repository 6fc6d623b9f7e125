"""Carrying a plan out: bits everywhere at once, servers one after the other, agents together.

    first server   bits ─ start ─ serving ─┬─ Ready
    other servers  ──── bits ──────────────┼─ start ─ serving ─ (next) …     one at a time
    agents         ──── bits ──────────────┴─ start ─ Ready                  at most 50 at once

The bits of the first server go first, since everybody waits for it. One that is running already opens the
gate at once. A server that fails to join stops the servers after it (etcd takes one new member at a time, and
a half-joined one needs a look), not the agents.

Another version goes the same way, each node well before the next one begins: a snapshot, the servers, then
the agents. So do new tokens and certificates. The first failure stops what has not begun, and so it does
where services restart: what broke one node would break the next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial

from kbootstrap.cluster import disks, renewing
from kbootstrap.cluster.api import Api, Connect, connect, patiently, warm
from kbootstrap.cluster.arrival import await_known, await_ready
from kbootstrap.cluster.deadlines import POLL, QUORUM
from kbootstrap.cluster.drain import await_workloads, uncordon, workloads
from kbootstrap.cluster.fetch import await_kubeconfig
from kbootstrap.cluster.hands import Hands
from kbootstrap.cluster.model import LocalFile, Wanted
from kbootstrap.cluster.pods import Workloads
from kbootstrap.cluster.record import RECORD, NoteHosts, entry
from kbootstrap.cluster.secrets import MakeSecret, give
from kbootstrap.cluster.steps import (
    ActivateTokens,
    Claim,
    Clean,
    EnableService,
    ForgetNode,
    ForgetTokens,
    GiveSecret,
    Plan,
    ReconcileNode,
    RenewCertificates,
    RestartService,
    SaveSnapshot,
    StageFile,
    StartService,
    Step,
    SwapFiles,
    Uncordon,
    VolumeStep,
    WaitKnown,
    WaitReady,
    WaitServing,
    WaitWorkloads,
    WriteFile,
    WriteSecret,
)
from kbootstrap.cluster.telling import Teller
from kbootstrap.cluster.together import first, together
from kbootstrap.cluster.tokens import Tokens
from kbootstrap.cluster.turns import Turns
from kbootstrap.cluster.uninstall import uninstall
from kbootstrap.cluster.unpacked import Unpacked
from kbootstrap.cluster.watch import Watch
from kbootstrap.errors import InstallFailed, KbootstrapError
from kbootstrap.events import Emit, nowhere
from kbootstrap.hosts.model import Host
from kbootstrap.inventory.model import Endpoint
from kbootstrap.redact import Redactor

_SPARING = 3
"""Members from which on etcd can spare one of them."""
_CHANGES = (
    SaveSnapshot,
    SwapFiles,
    ForgetNode,
    ActivateTokens,
    RenewCertificates,
    WriteSecret,
    StartService,
    RestartService,
    EnableService,
)
"""Steps from the token to the running service."""
_ENDS = (
    GiveSecret,
    NoteHosts,
    WaitReady,
    WaitWorkloads,
    Uncordon,
    WaitKnown,
    ReconcileNode,
    ForgetTokens,
)
"""Steps that need the Kubernetes API, or come after it."""
_ROTATE = (ActivateTokens, ForgetTokens)
_ROLL = (WaitWorkloads, *_ROTATE, RenewCertificates)
"""Steps of plans in which a node begins when the one before is well."""
SENDING = 16
"""Machines that are sent files at the same time; more only share the same uplink."""


async def converge(
    plan: Plan,
    wanted: Wanted,
    hosts: Mapping[str, Host],
    *,
    artifacts: Mapping[str, LocalFile],
    external: Endpoint,
    redactor: Redactor,
    emit: Emit = nowhere,
    connect: Connect = connect,
    make_secret: MakeSecret | None = None,
) -> str:
    """Do what the plan says and return the admin kubeconfig text of a server.

    `artifacts` must have everything that `plan.artifacts` names. `external` is where the API answers for us.
    `make_secret` is asked for the content of a Secret that the plan writes.
    Every step is told through `emit` and has a deadline (`deadlines.py`). When a node fails, others go on
    where that is safe; then `InstallFailed` or `DeadlinePassed` of the first failure is raised, with the
    node's name, the last lines of its journal and the next command to run.
    """
    if plan.refused:
        raise InstallFailed("this plan was refused", diagnostics=plan.diagnostics)
    run = _Run(plan, wanted, hosts, artifacts, external, redactor, emit, connect, make_secret)
    try:
        return await run.everything()
    finally:
        await run.close()


class _Run:
    """One run of one plan."""

    def __init__(
        self,
        plan: Plan,
        wanted: Wanted,
        hosts: Mapping[str, Host],
        artifacts: Mapping[str, LocalFile],
        external: Endpoint,
        redactor: Redactor,
        emit: Emit,
        connect: Connect,
        make_secret: MakeSecret | None,
    ) -> None:
        self.plan, self.wanted, self.hosts, self.artifacts = plan, wanted, hosts, artifacts
        self.external, self.redactor, self.connect = external, redactor, connect
        self.make_secret = make_secret
        self.teller = Teller(plan.cluster, emit)
        everything = [step for steps in plan.steps.values() for step in steps]
        rotating = any(isinstance(step, _ROTATE) for step in everything)
        self.tokens = Tokens(wanted.distro, redactor, rotating=rotating)
        self.gate = asyncio.Event()
        self.lane = self._lane()
        self.sent_first = asyncio.Event()
        self.sending = asyncio.Semaphore(SENDING)
        self.turns = Turns(plan, wanted)
        self.failures: dict[str, KbootstrapError] = {}
        self.woken: set[str] = set()
        self.since: dict[str, int] = {}
        self.rolling = any(isinstance(step, _ROLL) for step in everything)
        self.renewed = any(isinstance(step, RenewCertificates) for step in everything)
        self.servers_done = asyncio.Event()
        self.halted = False
        self.ran: dict[str, Workloads] = {}
        self.unpacked = Unpacked()
        self.kubeconfig = ""
        self.api: Api | None = None
        self.watch: Watch | None = None

    async def everything(self) -> str:
        agents = [name for name in self.plan.steps if self.wanted.node(name).role == "agent"]
        try:
            if self.plan.members:
                await self.tokens.read([self.hosts[name] for name in self.plan.members])
                await self._open_at_once()
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(warm))
                bits = {name: group.create_task(self._bits(name)) for name in self.plan.steps}
                group.create_task(self._servers(bits, group))
                for name in agents:
                    group.create_task(self._agent(name, bits[name]))
        except BaseExceptionGroup as failures:
            error = first(failures)
            if isinstance(error, KbootstrapError):
                others = {name: other for name, other in self.failures.items() if other is not error}
                error = _summary({error.host or "": error, **others})
            raise error from None
        if self.failures:
            raise _summary(self.failures)
        if self.renewed:
            member = self.hosts[self.plan.members[0]]
            return await await_kubeconfig(member, self.wanted.distro, self.redactor)
        return self.kubeconfig

    async def close(self) -> None:
        self.unpacked.close()
        if self.api:
            await self.api.close()

    def _lane(self) -> tuple[str, ...]:
        """Order the servers that have something to do: the founder; members, stopped ones first; joiners."""
        plan = self.plan

        def rank(name: str) -> tuple[bool, bool, bool]:
            return (name != plan.founder, name not in plan.members, self._has(name, RestartService))

        return tuple(sorted((n.name for n in self.wanted.servers if n.name in plan.steps), key=rank))

    async def _open_at_once(self) -> None:
        """Open the gate when a member serves already."""
        running = [n for n in self.plan.members if not self._has(n, StartService, WaitServing)]
        if not running and self.rolling:  # they serve until it is their turn, and are asked before it
            running = [n for n in self.plan.members if self._has(n, RestartService)]
        if running:
            await self._open(running[0])

    async def _open(self, name: str) -> None:
        """Let others join, now that this server serves; from here on the API may be asked."""
        if self.gate.is_set():
            return
        host = self.hosts[name]
        # Also of a member: one whose first start was cut short has its token only now that it serves.
        _, self.kubeconfig = await asyncio.gather(
            self.tokens.read([host]), await_kubeconfig(host, self.wanted.distro, self.redactor)
        )
        self.api = self.connect(self.kubeconfig, self.external)
        self.watch = Watch(self.api)
        self.gate.set()

    async def _bits(self, name: str) -> None:
        """Send everything that needs no running cluster. The first server goes first."""
        leads = not self.lane or name == self.lane[0]
        if not leads:
            await self.sent_first.wait()
        try:
            async with self.sending:
                await self._send(name)
        except KbootstrapError as error:
            self._fail(name, error)
        finally:
            if leads:
                self.sent_first.set()

    async def _send(self, name: str) -> None:
        hands, steps = self._hands(name), self.plan.steps[name]
        for clean in (step for step in steps if isinstance(step, Clean)):
            with self.teller.told(clean):
                await uninstall(self.hosts[name], self.wanted.distro, self.wanted.cluster)
        claim = next((step for step in steps if isinstance(step, Claim)), None)
        with self.teller.told(claim) if claim else nullcontext():
            await hands.begin(steps)
        # Before anything is sent: what is sent may belong onto a volume.
        for volume in (step for step in steps if isinstance(step, VolumeStep)):
            with self.teller.told(volume):
                await disks.do(volume, self.hosts[name])

        async def one(step: Step) -> None:
            with self.teller.told(step):
                if isinstance(step, StageFile):
                    await hands.stage(step, self.artifacts, self.teller.progress(step))
                    if step.aside and step.artifact.name.endswith(".tar.zst"):
                        local = self.artifacts[step.artifact.name].path
                        await hands.preload(await self.unpacked.of(local))
                elif isinstance(step, WriteFile):
                    await hands.write(step)

        await together(one(step) for step in steps if isinstance(step, StageFile | WriteFile))

    async def _servers(self, bits: Mapping[str, asyncio.Task[None]], group: asyncio.TaskGroup) -> None:
        try:
            await self._lane_of_servers(bits, group)
        finally:
            self.halted = self.halted or (self.rolling and any(n in self.failures for n in self.lane))
            self.servers_done.set()

    async def _lane_of_servers(
        self, bits: Mapping[str, asyncio.Task[None]], group: asyncio.TaskGroup
    ) -> None:
        await self._wake(bits)
        if self.rolling:  # newer addons start on any node, with images that must be there
            await asyncio.gather(*map(asyncio.shield, bits.values()))
        for name in self.lane:
            await asyncio.shield(bits[name])
            if name in self.failures:
                if not self.gate.is_set():
                    raise self.failures[name]
                if self.rolling:
                    return
                continue
            try:
                await self._steady(name)
                await self._serve(name)
                await self._open(name)
            except KbootstrapError as error:
                self._fail(name, error)
                if not self.gate.is_set():
                    raise
                return
            if self._has(name, RestartService):
                await self._finish(name)
                if name in self.failures:
                    return
            else:
                group.create_task(self._finish(name))

    async def _steady(self, name: str) -> None:
        """Wait until etcd can spare this member for a restart: the others that are Ready are a majority."""
        members = self.plan.members
        if (
            len(members) < _SPARING
            or name not in members
            or not self._has(name, RestartService)
            or not self.watch
        ):
            return
        needed, begun = len(members) // 2 + 1, time.monotonic()
        while True:
            others = [await self.watch.node(other) for other in members if other != name]
            if sum(1 for other in others if other and other.ready) >= needed:
                return
            if time.monotonic() - begun > QUORUM:
                raise InstallFailed(
                    f"{name} is not restarted: etcd needs {needed} of {len(members)} servers, and without it "
                    "fewer are Ready",
                    hint="kbootstrap status shows which server is not well",
                    code="KB0858",
                    host=name,
                )
            await asyncio.sleep(POLL)

    async def _wake(self, bits: Mapping[str, asyncio.Task[None]]) -> None:
        """Start all members that are stopped at once: one alone has no quorum and would never serve."""
        stopped = [n for n in self.lane if n in self.plan.members and self._has(n, StartService)]
        if len(stopped) < 2:
            return
        await asyncio.gather(*(asyncio.shield(bits[name]) for name in stopped))
        for name in stopped:
            try:
                if name not in self.failures:
                    await self._change_all(name)
                    self.woken.add(name)
            except KbootstrapError as error:
                self._fail(name, error)

    async def _agent(self, name: str, bits: asyncio.Task[None]) -> None:
        # Shielded: who is cancelled while it waits for another task passes that on to the task, which may end
        # with a failure of its own at that moment. Nobody would then remember that this one must end.
        await asyncio.shield(bits)
        await self.gate.wait()
        if self.rolling:  # a kubelet is never newer than the servers
            await self.servers_done.wait()
        if name not in self.failures:
            await self._in_turn(name)
        await self.turns.ended(name, well=name not in self.failures)

    async def _in_turn(self, name: str) -> None:
        async with self.turns.turn(name) as free:
            if not free or (self.halted and (self.rolling or self._has(name, RestartService))):
                return
            try:
                await self._serve(name)
                await self._finish(name)
            except KbootstrapError as error:
                self._fail(name, error)
            if name in self.failures and self._has(name, RestartService):
                self.halted = True

    async def _serve(self, name: str) -> None:
        """Do the steps from the token to the running service."""
        if name not in self.woken:
            await self._change_all(name)
        for step in self.plan.steps[name]:
            if isinstance(step, WaitServing):
                with self.teller.told(step) as waiting:
                    await self._hands(name).serving(step.unit, waiting)

    async def _change_all(self, name: str) -> None:
        hands = self._hands(name)
        for step in self.plan.steps[name]:
            if isinstance(step, _CHANGES):
                with self.teller.told(step):
                    await self._change(step, hands)

    async def _change(self, step: Step, hands: Hands) -> None:
        match step:
            case ForgetNode():
                await self.gate.wait()
                await self._watching().forget(step.node)
            case WriteSecret():
                private = self.wanted.private.get(step.path)
                await hands.put(private or self.tokens.give(step.secret), step.path)
            case ActivateTokens():
                await renewing.activate(
                    self.hosts[step.node],
                    [self.hosts[name] for name in self.plan.members],
                    self.wanted.distro,
                    self.tokens.beside(),
                )
            case RenewCertificates():
                await renewing.certificates(hands.host, step.unit, self.wanted.distro)
            case SaveSnapshot():
                await hands.save_snapshot(step.name)
            case SwapFiles():
                await hands.swap(step, self.artifacts)
            case StartService():
                self.since[step.node] = await hands.start(step.unit)
            case RestartService():
                if self._has(step.node, WaitWorkloads):
                    self.ran[step.node] = await workloads(self._asked(), step.node, stays=True)
                self.since[step.node] = await hands.restart(step.unit)
            case EnableService():
                await hands.enable(step.unit)
            case _:
                raise TypeError(type(step).__name__)

    async def _finish(self, name: str) -> None:
        """Wait for the node, then set what only the API can set. What others wait for goes first."""
        steps = self.plan.steps[name]
        try:
            for step in sorted(steps, key=lambda step: not isinstance(step, GiveSecret | NoteHosts)):
                if isinstance(step, _ENDS):
                    with self.teller.told(step) as waiting:
                        await self._finish_one(step, name, waiting)
        except KbootstrapError as error:
            self._fail(name, error)

    async def _finish_one(self, step: Step, name: str, waiting: Callable[[str], None]) -> None:
        match step:
            case WaitWorkloads():
                if name in self.ran:
                    await await_workloads(self._asked(), name, self.ran[name], waiting)
            case Uncordon():
                await uncordon(self._asked(), name)
            case GiveSecret():
                await give(step, self.api, self.make_secret)
            case NoteHosts():
                changes = {name: entry(machine) for name, machine in step.machines.items()}
                await patiently(partial(self._asked().put_config, RECORD, changes))
            case WaitReady():
                await await_ready(step, self._watching(), self._hands(name), self.since.get(name, step.since))
            case WaitKnown():
                await await_known(step, self._watching())
            case ReconcileNode():
                await self._watching().reconcile(step)
            case ForgetTokens():
                await renewing.forget(self.hosts[name], self.wanted.distro)
            case _:
                raise TypeError(type(step).__name__)

    def _hands(self, name: str) -> Hands:
        return Hands(self.hosts[name], self.wanted, self.redactor)

    def _asked(self) -> Api:
        if self.api is None:
            raise RuntimeError("the gate is not open")
        return self.api

    def _watching(self) -> Watch:
        if self.watch is None:
            raise RuntimeError("the gate is not open")
        return self.watch

    def _has(self, name: str, *kinds: type[Step]) -> bool:
        return any(isinstance(step, kinds) for step in self.plan.steps.get(name, ()))

    def _fail(self, name: str, error: KbootstrapError) -> None:
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
