"""The life of a server: wait for the lead, read what there is, serve until it is stopped or loses the lead.

Followers do not listen for Cluster Autoscaler. Their readiness probe fails, so the Service leads only to the
leader, and a connection to a former leader ends with its lead.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from kbootstrap.autoscaler import costs, merge
from kbootstrap.autoscaler.config import Config
from kbootstrap.autoscaler.definition import Definition, Definitions
from kbootstrap.autoscaler.fleet import Fleet
from kbootstrap.autoscaler.http import HttpServer
from kbootstrap.autoscaler.leader import Election
from kbootstrap.autoscaler.metrics import Metrics
from kbootstrap.autoscaler.model import FleetState, Notice
from kbootstrap.autoscaler.ports import Clock, ClusterMachines, Installer, KubernetesCalls
from kbootstrap.autoscaler.reports import NoticeReports
from kbootstrap.autoscaler.server import Server
from kbootstrap.autoscaler.service import Service
from kbootstrap.autoscaler.tls import Files
from kbootstrap.autoscaler.watch import SOON, Watch
from kbootstrap.autoscaler.workers import Workers

_LOOK = 10.0
"""Seconds between two looks at spec and lock file, besides those that Cluster Autoscaler's `Refresh` asks
for."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a server uses. `identity` is its own among several; `stop` ends it when it is set."""

    cloud: ClusterMachines
    installer: Installer
    kubernetes: KubernetesCalls
    definitions: Definitions
    reports: NoticeReports
    identity: str
    stop: asyncio.Event
    clock: Clock = time.time


class Running:
    """A server. `port` and `http_port` are those that it listens on, 0 while it does not."""

    def __init__(self, config: Config, parts: Parts, first: Definition) -> None:
        self._config, self._parts, self._definition = config, parts, first
        self._election = Election(
            parts.kubernetes, parts.identity, report=lambda why: parts.reports.log("not leading", reason=why)
        )
        self._fleet = Fleet(first.cluster.kubernetes.distribution, parts.clock, parts.reports)
        self._metrics = Metrics(self._fleet, self._facts)
        parts.reports.count = self._metrics.noticed
        self._fleet.moved = lambda one: parts.reports.log(
            "machine", name=one.name, group=one.group, phase=one.phase.value
        )
        self._loop = asyncio.get_running_loop()
        self._files = Files(config.certificates, self._certificate_problem)
        self.port = self.http_port = 0

    def use(self, definition: Definition) -> None:
        """Scale by another definition from now on."""
        self._definition = definition
        self._fleet.become(merge.with_groups(self._fleet.state, definition.groups))
        self._parts.reports.log("spec in force", groups=[group.id for group in definition.groups])
        self._note_prices()

    def _note_prices(self) -> None:
        if flavors := costs.estimated(self._definition.groups):
            text = f"the spec has no price of {', '.join(flavors)}: they are compared by their sizes"
            self._fleet.note(Notice("PriceEstimated", text))

    async def run(self) -> None:
        """Serve until `stop` is set. Raises `PrerequisiteMissing` if a port cannot be opened."""
        parts = self._parts
        http = HttpServer({"/metrics": self._page, "/healthz": self._alive, "/readyz": self._ready})
        self.http_port = await http.start(*self._config.metrics_address)
        parts.reports.log("started", identity=parts.identity, metrics_port=self.http_port)
        try:
            while not parts.stop.is_set():
                await self._until_stop(self._election.acquire())
                if self._election.leading() and not parts.stop.is_set():
                    await self._lead()
        finally:
            await self._election.release()
            await http.stop()
            parts.reports.log("stopped")

    async def _lead(self) -> None:
        """Act as the leader. What an earlier leader knew is read again: nothing is kept from before."""
        parts, fleet = self._parts, self._fleet
        await parts.definitions.refresh()
        fleet.synced = 0.0
        groups = self._definition.groups
        fleet.become(merge.with_groups(FleetState(self._definition.cluster.kubernetes.distribution), groups))
        workers = Workers(fleet, parts.cloud, parts.installer, parts.kubernetes, self._election.leading)
        watch = Watch(fleet, parts.cloud, parts.kubernetes, lambda: workers.busy)
        service = Service(fleet, parts.definitions.refresh)
        server = Server(service, self._files, self._metrics, parts.reports, self._unavailable)
        parts.reports.log("leading", identity=parts.identity)
        self._note_prices()
        background = [
            asyncio.ensure_future(one)
            for one in (
                self._election.keep(),
                parts.reports.run(parts.kubernetes, self._election.leading),
                self._look(),
            )
        ]
        try:
            reading = asyncio.ensure_future(_until_read(watch))
            background.append(reading)
            await self._until_stop(_first(background))
            if not reading.done() or parts.stop.is_set() or not self._election.leading():
                return
            background.remove(reading)
            self.port = await server.start(self._config.listen)
            parts.reports.log("serving", port=self.port, instances=len(fleet.state.instances))
            background += [asyncio.ensure_future(one) for one in (workers.run(), watch.run())]
            await self._until_stop(_first(background))
        finally:
            self.port = 0
            await server.stop()
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            await self._parts.definitions.refresh()

    async def _until_stop(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`, or cancel it when the server is to stop."""
        task = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._parts.stop.wait())
        try:
            await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _unavailable(self) -> str:
        if not self._election.leading():
            return "this server does not lead"
        return "" if self._fleet.synced else "machines and nodes are not known yet"

    def _facts(self) -> dict[str, float]:
        state = self._fleet.state
        return {
            "leader": float(self._election.leading()),
            "spec_valid": float(not self._parts.definitions.problem),
            "last_reading_timestamp_seconds": self._fleet.synced,
            "certificate_expiry_timestamp_seconds": self._files.pair.expires,
            "unknown_instances": float(
                sum(one.group not in state.groups for one in state.instances.values())
            ),
        }

    def _page(self) -> tuple[int, bytes]:
        return 200, self._metrics.text()

    def _alive(self) -> tuple[int, bytes]:
        return 200, b"ok\n"

    def _ready(self) -> tuple[int, bytes]:
        reason = self._unavailable() or ("" if self.port else "the port is not open yet")
        return (503, f"{reason}: {self._election.problem}\n".encode()) if reason else (200, b"ok\n")

    def _certificate_problem(self, message: str) -> None:
        """Report what is wrong with changed files. Called from a thread of gRPC."""
        text = f"the last good certificate stays in use: {message}"
        notice = Notice("CertificateInvalid", text, warning=True)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._parts.reports, notice)


async def _until_read(watch: Watch) -> None:
    """Return when machines and Nodes were read for the first time."""
    while True:
        if await watch.read():
            return
        await asyncio.sleep(SOON)


async def _first(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Return when one of the tasks has ended; raises what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
