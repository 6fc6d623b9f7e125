"""What is read from a host whose login shell prints, on a real server: facts, ports, secrets, files."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kbootstrap.cluster.lock.lease import Lease
from kbootstrap.cluster.observe.credentials import read_secret
from kbootstrap.cluster.observe.facts import gather
from kbootstrap.core.errors import InstallFailed
from kbootstrap.distros import find
from kbootstrap.hosts.session import SshHost
from kbootstrap.hosts.transfer import fetch
from tests.hosts.conftest import Around
from tests.hosts.fake import FakeHost, Run, output
from tests.hosts.sshd import Sshd

K3S = find("k3s")


@pytest.fixture
async def host(isolated: Sshd, around: Around) -> AsyncIterator[SshHost]:
    connected = await around.connector.connect(isolated.machine(user="odd"), deadline=10)
    yield connected
    await connected.close()


async def test_facts_and_ports(host: SshHost, isolated: Sshd) -> None:
    facts = (await gather({"node-1": host}, K3S))["node-1"]
    assert facts.cpus > 0
    assert isolated.port in facts.listening


async def test_secrets_and_locks(host: SshHost, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("K10abc::server:secret\n")
    assert await read_secret(host, str(tmp_path / "token")) == "K10abc::server:secret"
    assert await read_secret(host, str(tmp_path / "absent")) == ""
    lease = Lease("c")
    await lease.take({"node-1": host})
    await lease.release()
    await host.run("rm -f /run/kbootstrap/lease /run/kbootstrap/lease.lock", deadline=5)


@pytest.mark.parametrize("size", [0, 1, 4 * 1024 * 1024, 21_000_001])
async def test_files_arrive_whole(host: SshHost, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "it's").write_bytes(content)
    assert await fetch(host, str(tmp_path / "it's"), deadline=60) == content


async def test_an_absent_file(host: SshHost, tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="stat -c") as caught:
        await fetch(host, str(tmp_path / "absent"), deadline=10)
    assert "No such file" in str(caught.value.detail)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        ("*** welcome ***\n3\n" + "0" * 64 + "  -\n", "YWJj"),
        ("3\n" + "0" * 64 + "  -\n", "YWJj"),
        ("4\n" + "0" * 64 + "  -\n", "YWJj\n*** goodbye ***"),
        ("9000000\n" + "0" * 64 + "  -\n", ""),
    ],
)
async def test_what_differs_is_an_error(head: str, piece: str) -> None:
    def answer(call: Run) -> object:
        return output(head) if call.command.startswith("stat") else output(piece)

    with pytest.raises(InstallFailed, match="/f of node-1 arrived damaged") as caught:
        await fetch(FakeHost("node-1", answer), "/f", deadline=5)  # type: ignore[arg-type]
    assert caught.value.code == "KB0712"
