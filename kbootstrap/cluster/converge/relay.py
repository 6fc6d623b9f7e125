"""Passes artifacts on between nodes, so that each is sent through a bastion only once.

The node that is sent the files first offers them to the others on a port that nodes may use among themselves,
one of those for Services. The files are public, and every receiver verifies the checksum that came over its
SSH connection. Where anything is missing (a program, the way to the port), the file is sent as to any host.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from kbootstrap.cluster.deadlines import COMMAND, PATH, RELAY
from kbootstrap.cluster.state.wanted import LocalFile
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.hosts.model import Host
from kbootstrap.hosts.script import shell_script

PORTS = (30000, 32767)
"""NodePorts (Kubernetes: `--service-node-port-range`); the security groups allow them between all nodes."""

Fetch = Callable[[Host, str, str, int, LocalFile], Awaitable[bool]]
"""`Relay.fetch` for one step."""


@dataclass(slots=True)
class Relay:
    """The relay of one run."""

    _source: Host | None = field(default=None, init=False)
    _address: str = field(default="", init=False)
    _port: int = field(default=0, init=False)
    _process: int = field(default=0, init=False)
    _names: frozenset[str] = field(default=frozenset(), init=False)

    async def offer(self, host: Host, address: str, places: Mapping[str, str]) -> None:
        """Offer files of a node, by name, until `close`; never fails."""
        text = shell_script(
            __package__,
            "offer.sh",
            address=address,
            first=PORTS[0],
            last=PORTS[1],
            seconds=int(2 * RELAY),
            files="".join(f"{name} {path}\n" for name, path in places.items()),
        )
        with contextlib.suppress(KbootstrapError):
            said = (await host.run(text, deadline=COMMAND, check=False)).stdout
            if found := re.search(r"^offer (\d+) (\d+)$", said, re.MULTILINE):
                self._port, self._process = int(found[1]), int(found[2])
                self._source, self._address, self._names = host, address, frozenset(places)

    async def fetch(
        self,
        host: Host,
        name: str,
        place: str,
        mode: int,
        local: LocalFile,
        *,
        waiting: Callable[[str], None],
    ) -> bool:
        """Let a node fetch a file from the one that offers it; return whether it is in its place."""
        source = self._source
        if source is None or name not in self._names or host.name == source.name:
            return False
        waiting(f"{source.name} passes it on")
        text = shell_script(
            __package__,
            "fetch.sh",
            address=self._address,
            port=self._port,
            name=name,
            place=place,
            mode=f"{mode:04o}",
            size=local.path.stat().st_size,
            sha256=local.sha256,
            patience=PATH,
            seconds=int(RELAY),
        )
        fetched = (await host.run(text, deadline=RELAY + COMMAND, check=False)).stdout.strip() == "fetched"
        if not fetched:
            waiting(f"{source.name} cannot pass it on: it is sent from here")
        return fetched

    async def close(self) -> None:
        """Offer nothing more; never fails."""
        source, self._source = self._source, None
        if source is not None:
            with contextlib.suppress(KbootstrapError):
                await source.run(f"kill {self._process}", deadline=COMMAND, check=False)
