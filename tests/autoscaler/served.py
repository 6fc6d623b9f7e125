"""A whole server on loopback: TLS, spec and HTTP are real; the rest of its environment are fakes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from unittest import mock

import grpc

from kbootstrap.autoscaler import leader
from kbootstrap.autoscaler.cloud import BoundCloud
from kbootstrap.autoscaler.config import Config
from kbootstrap.autoscaler.definition import Definition, Definitions
from kbootstrap.autoscaler.reports import Reports
from kbootstrap.autoscaler.run import Parts, Running
from kbootstrap.commands.autoscaler import certificates
from kbootstrap.core.redact import Redactor
from kbootstrap.providers.context import ProviderContext
from tests.autoscaler.fakes import FakeCloud, FakeInstaller, FakeKubernetes
from tests.autoscaler.samples import write_spec
from tests.autoscaler.wires import Client, wire

NAME = "127.0.0.1"


@dataclass
class World:
    """What several servers share: a folder with spec and certificates, and the fakes."""

    folder: Path
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spec = write_spec(self.folder)
        self.pki = self.folder / "pki"
        self.tls = self.folder / "tls"
        self.renew()
        self.cloud = FakeCloud(time.time, boot=0.2, delay=0.01)
        self.kubernetes = FakeKubernetes(time.time)
        self.installer = FakeInstaller(self.kubernetes, seconds=0.2)
        self.kubernetes.add("prod-web-1")

    def renew(self) -> tuple[str, ...]:
        """Write certificates, as the command does, and give the server its part."""
        made = certificates(self.pki, [NAME])
        self.tls.mkdir(exist_ok=True)
        for own, name in (("ca.crt", "ca.crt"), ("server.crt", "tls.crt"), ("server.key", "tls.key")):
            (self.tls / name).write_bytes((self.pki / own).read_bytes())
        return made

    def config(self, listen: str = f"{NAME}:0") -> Config:
        return Config(self.spec, "prod", self.tls, listen, f"{NAME}:0", None, "cp-1")

    @asynccontextmanager
    async def server(self, identity: str = "cp-1_a", listen: str = f"{NAME}:0") -> AsyncIterator[Running]:
        """Run a server until the end of the block; it stops as with SIGTERM.

        It keeps the lead on a machine that is too busy to renew the Lease in time.
        """
        stop = asyncio.Event()
        config = self.config(listen)
        reports = Reports(Redactor(), self.log.append, time.monotonic)
        found: list[Running] = []

        def changed(definition: Definition) -> None:
            found[0].use(definition)

        definitions = Definitions(config.spec, "prod", changed, reports)
        first = definitions.first()
        cloud = BoundCloud(self.cloud, _no_context, first)
        parts = Parts(cloud, self.installer, self.kubernetes, definitions, reports, identity, stop)
        found.append(Running(config, parts, first))
        with mock.patch.multiple(leader, LEADS=600.0, TAKES=600.0):
            task = asyncio.ensure_future(found[0].run())
            try:
                yield found[0]
            finally:
                stop.set()
                await task

    def credentials(self, folder: Path | None = None, side: str = "client") -> grpc.ChannelCredentials:
        """Return what Cluster Autoscaler connects with: the authority, and its own pair."""
        names = ("ca.crt", f"{side}.key", f"{side}.crt")
        return grpc.ssl_channel_credentials(*(((folder or self.pki) / name).read_bytes() for name in names))

    @asynccontextmanager
    async def client(
        self,
        port: int,
        form: str = "from 1.35",
        credentials: grpc.ChannelCredentials | None = None,
        host: str = NAME,
    ) -> AsyncIterator[Client]:
        channel = grpc.aio.secure_channel(f"{host}:{port}", credentials or self.credentials())
        async with channel:
            yield Client(wire(form), channel)


async def leading(server: Running) -> int:
    """Wait until a server listens; return its port."""
    for _ in range(30_000):
        if server.port:
            return server.port
        await asyncio.sleep(0.01)
    raise AssertionError("the server does not listen")


async def page(server: Running, path: str) -> tuple[int, str]:
    """Fetch a page of the HTTP port."""
    reader, writer = await asyncio.open_connection(NAME, server.http_port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


def _no_context(_definition: Definition) -> ProviderContext:
    return cast("ProviderContext", None)
