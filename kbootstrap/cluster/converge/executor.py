"""Does single steps of one run: on machines, and through the API once a server gives its kubeconfig.

What may begin when is `act.py`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

from kbootstrap.cluster.api import Api, Connect, patiently
from kbootstrap.cluster.converge import disks
from kbootstrap.cluster.converge import rotation as renewing
from kbootstrap.cluster.converge.drain import await_workloads, uncordon, workloads
from kbootstrap.cluster.converge.node_actions import Hands
from kbootstrap.cluster.converge.readiness import await_known, await_ready
from kbootstrap.cluster.converge.reporting import Teller
from kbootstrap.cluster.converge.secrets import MakeSecret, give
from kbootstrap.cluster.converge.tokens import Tokens
from kbootstrap.cluster.converge.uninstall import uninstall
from kbootstrap.cluster.converge.unpacked import Unpacked
from kbootstrap.cluster.converge.watch import Watch
from kbootstrap.cluster.decide.host_record import RECORD, NoteHosts, entry
from kbootstrap.cluster.decide.steps import (
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
from kbootstrap.cluster.observe.credentials import await_kubeconfig
from kbootstrap.cluster.state.model import LocalFile, Wanted
from kbootstrap.cluster.state.pods import Workloads
from kbootstrap.core.concurrency import together
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.model import Host
from kbootstrap.inventory.model import Endpoint

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


@dataclass
class Executor:
    """The steps of one plan, by node. Each is told through `teller`; errors are those of the step.

    `artifacts` has the files that the plan names, `external` is where the API answers for us, and `gate` is
    set when it does: then nodes may join. `make_secret` is asked for the content of a Secret of the plan.
    """

    plan: Plan
    wanted: Wanted
    hosts: Mapping[str, Host]
    artifacts: Mapping[str, LocalFile]
    external: Endpoint
    redactor: Redactor
    teller: Teller
    tokens: Tokens
    connect: Connect
    make_secret: MakeSecret | None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    kubeconfig: str = ""
    _api: Api | None = None
    _watch: Watch | None = None
    _since: dict[str, int] = field(default_factory=dict)
    _ran: dict[str, Workloads] = field(default_factory=dict)
    _late: set[str] = field(default_factory=set)
    _unpacked: Unpacked = field(default_factory=Unpacked)

    async def close(self) -> None:
        """End what was begun: the connection to the API, files that were unpacked."""
        self._unpacked.close()
        if self._api:
            await self._api.close()

    def has(self, name: str, *kinds: type[Step]) -> bool:
        """Whether a node has a step of one of these kinds."""
        return any(isinstance(step, kinds) for step in self.plan.steps.get(name, ()))

    async def open(self, name: str) -> None:
        """Let others join, now that this server serves; from here on the API may be asked."""
        if self.gate.is_set():
            return
        host = self.hosts[name]
        # Also of a member: one whose first start was cut short has its token only now that it serves.
        _, self.kubeconfig = await asyncio.gather(
            self.tokens.read([host]), await_kubeconfig(host, self.wanted.distro, self.redactor)
        )
        self._api = self.connect(self.kubeconfig, self.external)
        self._watch = Watch(self._api)
        self.gate.set()

    async def send(self, name: str) -> None:
        """Do the steps of a node that need no running cluster."""
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
        sent = (step for step in steps if isinstance(step, StageFile | WriteFile))
        await together(self._send(step, hands) for step in sent)

    async def _send(self, step: StageFile | WriteFile, hands: Hands) -> None:
        with self.teller.told(step):
            if isinstance(step, WriteFile):
                await hands.write(step)
                return
            await hands.stage(step, self.artifacts, self.teller.progress(step))
            if step.aside and step.artifact.name.endswith(".tar.zst"):
                local = self.artifacts[step.artifact.name].path
                await hands.preload(await self._unpacked.of(local))

    async def change(self, name: str) -> None:
        """Do the steps of a node from the token to the service that starts."""
        hands = self._hands(name)
        for step in self.plan.steps[name]:
            if isinstance(step, _CHANGES):
                with self.teller.told(step):
                    await self._change(step, hands)

    async def serving(self, name: str) -> None:
        """Wait until a server serves, where its steps say so."""
        for step in self.plan.steps[name]:
            if isinstance(step, WaitServing):
                with self.teller.told(step) as waiting:
                    await self._hands(name).serving(step.unit, waiting, looping=step.looping)
                    if name in self._late:
                        await renewing.activate(self.hosts[name], self.wanted.distro)

    async def finish(self, name: str) -> None:
        """Wait for the node, then set what only the API can set. What others wait for goes first."""
        steps = self.plan.steps[name]
        for step in sorted(steps, key=lambda step: not isinstance(step, GiveSecret | NoteHosts)):
            if isinstance(step, _ENDS):
                with self.teller.told(step) as waiting:
                    await self._finish(step, name, waiting)

    async def ready(self, name: str) -> bool:
        """Whether a node is Ready; asked when the gate is open."""
        node = await self._watching().node(name)
        return bool(node and node.ready)

    async def _change(self, step: Step, hands: Hands) -> None:
        match step:
            case ForgetNode():
                await self.gate.wait()
                await self._watching().forget(step.node)
            case WriteSecret():
                private = self.wanted.private.get(step.path)
                await hands.put(private or self.tokens.give(step.secret), step.path)
            case ActivateTokens():
                await self._activate(step, hands.host)
            case RenewCertificates():
                await renewing.certificates(hands.host, step.unit, self.wanted.distro)
            case SaveSnapshot():
                await hands.save_snapshot(step.name)
            case SwapFiles():
                await hands.swap(step, self.artifacts)
            case StartService():
                if step.behind:
                    await renewing.yield_passwords(hands.host, step.unit, self.wanted.distro)
                self._since[step.node] = await hands.start(step.unit)
            case RestartService():
                if self.has(step.node, WaitWorkloads):
                    self._ran[step.node] = await workloads(self._asked(), step.node, stays=True)
                self._since[step.node] = await hands.restart(step.unit)
            case EnableService():
                await hands.enable(step.unit)
            case _:
                raise TypeError(type(step).__name__)

    async def _activate(self, step: ActivateTokens, host: Host) -> None:
        """Activate new tokens, at once; again where it had begun, and on a server that failed since, later.

        Without a majority a server ends, and one that starts with the token of before fails.
        """
        unit = self.wanted.distro.unit("server")
        if not step.again:
            await renewing.lay([self.hosts[name] for name in self.plan.members], self.tokens.beside())
        elif not await renewing.runs(host, unit):
            await renewing.yield_passwords(host, unit, self.wanted.distro)
            self._late.add(step.node)
            return
        await renewing.activate(host, self.wanted.distro)

    async def _finish(self, step: Step, name: str, waiting: Callable[[str], None]) -> None:
        match step:
            case WaitWorkloads():
                if name in self._ran:
                    await await_workloads(self._asked(), name, self._ran[name], waiting)
            case Uncordon():
                await uncordon(self._asked(), name)
            case GiveSecret():
                await give(step, self._api, self.make_secret)
            case NoteHosts():
                changes = {name: entry(machine) for name, machine in step.machines.items()}
                await patiently(partial(self._asked().put_config, RECORD, changes))
            case WaitReady():
                since = self._since.get(name, step.since)
                await await_ready(step, self._watching(), self._hands(name), since)
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
        if self._api is None:
            raise RuntimeError("the gate is not open")
        return self._api

    def _watching(self) -> Watch:
        if self._watch is None:
            raise RuntimeError("the gate is not open")
        return self._watch
