"""Passes artifacts on between nodes, so that each is sent through a bastion only once.

The node that is sent the files first offers them to the others, on a port of its private address that nodes
may use among themselves, one of those for Services. It gives them to a node that has the token of this run,
which nodes get over their SSH connections, and every node verifies the checksum that came the same way. The
program that offers them belongs to an SSH session: it ends with the session, also when kbootstrap is killed.
Where anything is missing (a program, the way to the port), the file is sent as to any host.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from kbootstrap.cluster.deadlines import COMMAND, PATH, RELAY, STAGE
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.hosts.model import Host
from kbootstrap.hosts.script import shell_script

PORTS = range(30000, 32768)
"""NodePorts (Kubernetes: `--service-node-port-range`); the security groups allow them between all nodes."""

Fetch = Callable[[Host, str, str, int, LocalFile], Awaitable[bool]]
"""`Relay.fetch` for one step."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """What a node offers: the names of the files, where, and the SSH session that keeps it up."""

    source: str
    address: str
    port: int
    names: frozenset[str]
    session: asyncio.Task[object]


def _new_token() -> bytes:
    return f"{secrets.token_hex(16)}\n".encode()


@dataclass(slots=True)
class Relay:
    """The relay of one run. Nodes that could not fetch a file are `deaf`: they do not try again."""

    _offer: _Offer | None = field(default=None, init=False)
    _token: bytes = field(default_factory=_new_token, init=False, repr=False)
    _deaf: set[str] = field(default_factory=set, init=False)

    def offer(self, host: Host, address: str, places: Mapping[str, str]) -> None:
        """Offer files of a node, by name, until `close`."""
        port = secrets.choice(PORTS)
        lines = "".join(f"{name} {path}\n" for name, path in places.items())
        text = shell_script(__package__, "offer.sh", address=address, port=port, files=lines)
        session = asyncio.create_task(host.run(text, deadline=STAGE, stdin=self._token, check=False))
        self._offer = _Offer(host.name, address, port, frozenset(places), session)

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
        offer = self._offer
        if offer is None or name not in offer.names or host.name in self._deaf | {offer.source}:
            return False
        if offer.session.done():  # it has no python3, or the port was in use
            return False
        waiting(f"{offer.source} passes it on")
        text = shell_script(
            __package__,
            "fetch.sh",
            address=offer.address,
            port=offer.port,
            name=name,
            place=place,
            mode=f"{mode:04o}",
            size=local.path.stat().st_size,
            sha256=local.sha256,
            patience=PATH,
            seconds=int(RELAY),
        )
        output = await host.run(text, deadline=RELAY + COMMAND, stdin=self._token, check=False)
        fetched = output.stdout.strip() == "fetched"
        if not fetched:
            self._deaf.add(host.name)
            waiting(f"{offer.source} cannot pass it on: it is sent from here")
        return fetched

    async def close(self) -> None:
        """Offer nothing more; never raises."""
        offer, self._offer = self._offer, None
        if offer is not None:
            offer.session.cancel()
            await asyncio.gather(offer.session, return_exceptions=True)
