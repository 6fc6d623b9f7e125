"""Files that a node passes on, over a real sshd and with sudo: offered as long as the session lives."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from kbootstrap.cluster.converge.relay import Relay
from kbootstrap.cluster.state.desired import LocalFile
from kbootstrap.hosts.session import SshHost
from tests.hosts.conftest import Around
from tests.hosts.sshd import Sshd


async def connected(around: Around, sshd: Sshd, name: str, user: str) -> SshHost:
    host = await around.connector.connect(sshd.machine(name, user=user), deadline=30)
    assert isinstance(host, SshHost)
    return host


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.mark.parametrize("user", ["root", "free"])
@pytest.mark.parametrize("end", ["closed", "lost"])
async def test_it_ends_with_the_session(
    isolated: Sshd, around: Around, tmp_path: Path, user: str, end: str
) -> None:
    """`lost`: as after kill -9 of kbootstrap; nothing of it can end what runs on the node."""
    bits, place = tmp_path / "k3s", tmp_path / "there" / "k3s"
    bits.write_bytes(os.urandom(20_000_000))
    local = LocalFile(bits, hashlib.sha256(bits.read_bytes()).hexdigest())
    source, target = [await connected(around, isolated, name, user) for name in ("node-1", "node-2")]
    relay, heard = Relay(), list[str]()
    relay.offer(source, "127.0.0.1", {"k3s": str(bits)})
    offer = relay._offer
    assert offer
    assert await relay.fetch(target, "k3s", str(place), 0o755, local, waiting=heard.append), heard
    assert place.read_bytes() == bits.read_bytes()
    assert await listens(offer.port)
    if end == "lost":
        source._connection.abort()
    else:
        await relay.close()
    async with asyncio.timeout(60):
        while await listens(offer.port):  # noqa: ASYNC110 - another process ends
            await asyncio.sleep(0.05)
    await relay.close()
    for host in (source, target):
        await host.close()
