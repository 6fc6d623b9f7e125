"""Artifacts that nodes pass on: the scripts in a real shell, and who is sent what."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.cluster.converge.converge import converge
from kbootstrap.cluster.converge.relay import Relay
from kbootstrap.cluster.state.desired import DesiredCluster, LocalFile
from kbootstrap.core import files
from kbootstrap.core.events import Event, Status
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.model import Output
from tests.cluster.converge.samples import A1, S1, S2, S3, plan_of
from tests.cluster.machines import Machines
from tests.cluster.world import EXTERNAL, desired_cluster
from tests.hosts.fake import Answer, FakeHost, Hang, Put, Run, output

BINARY = "/usr/local/bin/k3s"


class _Shell(FakeHost):
    """Runs commands on this machine. Cancelling one closes its output, as sshd does for a lost session."""

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        del deadline, check
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            process = started(command, theirs)
            theirs.close()
            assert process.stdin
            process.stdin.write(stdin or b"")
            process.stdin.close()
            said = b""
            while more := await asyncio.get_running_loop().sock_recv(ours, 1000):
                said += more
        return output(said.decode(), status=await asyncio.to_thread(process.wait))


def started(command: str, out: socket.socket) -> subprocess.Popen[bytes]:
    STARTED.append(subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, stdout=out.fileno()))
    return STARTED[-1]


STARTED: list[subprocess.Popen[bytes]] = []
"""The processes of a test."""


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    """No process outlives its session, whatever happened."""
    yield
    try:
        for process in STARTED:
            process.wait(30)
    finally:
        for process in STARTED:
            process.kill()
        STARTED.clear()


@pytest.fixture
def bits(tmp_path: Path) -> Path:
    place = tmp_path / "k3s here"
    place.write_bytes(os.urandom(12_000_000))
    return place


@pytest.fixture
def heard() -> list[str]:
    return []


@asynccontextmanager
async def offering(**places: Path) -> AsyncIterator[Relay]:
    """A relay that offers files of this machine."""
    relay = Relay()
    relay.offer(_Shell(S1), "127.0.0.1", {name: str(place) for name, place in places.items()})
    try:
        yield relay
    finally:
        await relay.close()


async def fetch(relay: Relay, bits: Path, place: Path, heard: list[str], *, name: str = "k3s") -> bool:
    local = LocalFile(bits, hashlib.sha256(content(bits)).hexdigest())
    return await relay.fetch(_Shell(S2), name, str(place), 0o755, local, waiting=heard.append)


async def asked(relay: Relay, line: bytes, *, pause: float = 0) -> bytes:
    """Connect as any other program can, send a line, and return the answer; read it after a pause."""
    offer = relay._offer
    assert offer
    async with asyncio.timeout(30):
        while True:
            try:
                reader, writer = await asyncio.open_connection(offer.address, offer.port)
                break
            except OSError:
                await asyncio.sleep(0.05)
        writer.write(line)
        await asyncio.sleep(pause)
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


def serving() -> int:
    """Return the process that offers the files."""
    shell = STARTED[0].pid
    children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    return int(children[0]) if children else shell


def uid_of(process: int) -> str:
    return Path(f"/proc/{process}/status").read_text().partition("Uid:\t")[2].split()[0]


def command_lines() -> str:
    """Return the command lines of all processes of this machine."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(place.read_text(errors="replace"))
    return "".join(found)


def content(place: Path) -> bytes:
    return place.read_bytes()


def mode(place: Path) -> int:
    return place.stat().st_mode & 0o777


def names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def test_a_file_is_passed_on_whole(bits: Path, tmp_path: Path, heard: list[str]) -> None:
    place = tmp_path / "other" / "bin" / "k3s"
    async with offering(k3s=bits, images=bits) as relay:
        both = await asyncio.gather(
            fetch(relay, bits, place, heard), fetch(relay, bits, tmp_path / "i", heard, name="images")
        )
        assert all(both)
        assert content(place) == content(bits)
        assert mode(place) == 0o755
        assert names(place.parent) == ["k3s"]
        assert heard == [f"{S1} passes it on"] * 2
        if os.getuid() == 0:
            assert uid_of(serving()) == "65534", "it can read nothing else"
    assert not await fetch(relay, bits, tmp_path / "late", heard), "it is not asked when nothing is offered"


async def test_a_receiver_that_is_slower_than_the_sender_gets_all(bits: Path) -> None:
    """The buffers of both sockets are full before it reads."""
    async with offering(k3s=bits) as relay:
        assert await asked(relay, relay._token.strip() + b" k3s\n", pause=0.5) == content(bits)


@pytest.mark.parametrize(
    "line", [b"k3s\n", b" k3s\n", b"0123456789abcdef0123456789abcdef k3s\n", b"\xff" * 400, b"\n"]
)
async def test_without_the_token_nothing_is_given(bits: Path, line: bytes) -> None:
    async with offering(k3s=bits) as relay:
        assert await asked(relay, line) == b""


async def test_the_token_is_on_no_command_line(bits: Path, tmp_path: Path, heard: list[str]) -> None:
    async with offering(k3s=bits) as relay:
        await asked(relay, b"\n")
        fetching = asyncio.create_task(fetch(relay, bits, tmp_path / "k3s", heard))
        while not fetching.done():
            assert relay._token.decode().strip() not in command_lines()
            await asyncio.sleep(0.01)
        assert await fetching
    assert relay._token.decode().strip() not in repr(relay)


@pytest.mark.parametrize("harm", ["other content", "longer", "shorter", "gone", "unknown"])
async def test_what_is_not_the_file_is_not_put_in_its_place(
    bits: Path, tmp_path: Path, heard: list[str], harm: str
) -> None:
    place, offered = tmp_path / "bin" / "k3s", tmp_path / "offered"
    whole = content(bits)
    harmed = {
        "other content": whole[:-1] + bytes([whole[-1] ^ 1]),
        "longer": whole + b"x",
        "shorter": whole[:-1],
    }
    files.write(offered, harmed.get(harm, whole))
    files.write(place, b"as it was")
    async with offering(**{"other" if harm == "unknown" else "k3s": offered}) as relay:
        await asked(relay, b"\n")
        if harm == "gone":
            os.kill(serving(), signal.SIGKILL)
        fetched = await fetch(relay, bits, place, heard)
    if harm == "longer":  # the beginning is the file
        assert fetched
        assert content(place) == whole
        return
    assert not fetched
    assert content(place) == b"as it was"
    assert names(place.parent) == ["k3s"]


async def test_without_python_the_file_is_sent(bits: Path, tmp_path: Path, heard: list[str]) -> None:
    relay = Relay()
    relay.offer(FakeHost(S1), "127.0.0.1", {"k3s": str(bits)})  # the session ends at once
    await asyncio.sleep(0.05)
    assert not await fetch(relay, bits, tmp_path / "k3s", heard)
    await relay.close()
    assert heard == []


async def test_a_node_that_cannot_fetch_is_not_asked_again(bits: Path, tmp_path: Path) -> None:
    relay, heard, host = Relay(), list[str](), FakeHost(S2)
    relay.offer(FakeHost(S1, lambda _: Hang()), "10.0.0.11", {"k3s": str(bits), "images": str(bits)})
    local = LocalFile(bits, "0" * 64)
    for name in ("k3s", "images"):
        assert not await relay.fetch(host, name, str(tmp_path / "x"), 0o755, local, waiting=heard.append)
    await relay.close()
    assert heard == [f"{S1} passes it on", f"{S1} cannot pass it on: it is sent from here"]
    assert len(host.commands) == 1


class _Passing(Machines):
    """Machines that offer and fetch; `closed` are those that do not reach the one that offers."""

    closed: frozenset[str] = frozenset()

    def answer(self, call: Run) -> Answer:
        if "import hmac" in call.command:
            self.log.append(f"offer {call.host}")
            return Hang()
        if "echo fetched" in call.command:
            self.log.append(f"fetch {call.host}")
            return output("fetched\n" if call.host not in self.closed else "")
        return super().answer(call)


def reachable(servers: int, agents: int) -> DesiredCluster:
    desired = desired_cluster(servers, agents)
    nodes = tuple(replace(node, address=f"10.0.0.{n}") for n, node in enumerate(desired.nodes, 11))
    return replace(desired, nodes=nodes)


def sent(machines: Machines, name: str) -> list[str]:
    calls = machines.hosts[name].calls
    return [one.destination for one in calls if isinstance(one, Put) and one.destination == BINARY]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("relay", [True, False])
async def test_only_the_first_server_is_sent_the_files(local: dict[str, LocalFile], relay: bool) -> None:
    machines, events = _Passing(reachable(3, 1)), list[Event]()
    machines.closed = frozenset({A1})
    plan, passing = plan_of(machines.plan, {"*": {}}), Relay() if relay else None
    await converge(
        plan,
        machines.plan,
        machines.hosts,
        artifacts=local,
        external=EXTERNAL,
        redactor=Redactor(),
        emit=events.append,
        connect=machines.connect,
        relay=passing,
    )
    if not passing:
        assert not [line for line in machines.log if line.startswith(("offer", "fetch"))]
        assert all(sent(machines, name) for name in machines.hosts)
        return
    assert machines.log[0] == f"offer {S1}"
    assert passing._offer is None
    assert sent(machines, S1) == [BINARY]
    assert sent(machines, S2) == sent(machines, S3) == []
    assert sent(machines, A1) == [BINARY], "it does not reach the first server, and is sent the file"
    stamps = [c.command for c in machines.hosts[S2].calls if isinstance(c, Run) and "artifact " in c.command]
    assert any(BINARY in stamp for stamp in stamps)
    waits = [(one.node, one.detail) for one in events if one.status is Status.WAITING]
    assert (S2, f"{S1} passes it on") in waits
    assert (A1, f"{S1} cannot pass it on: it is sent from here") in waits


@pytest.mark.usefixtures("quick")
async def test_a_single_node_offers_nothing(local: dict[str, LocalFile]) -> None:
    machines = _Passing(reachable(1, 0))
    plan = plan_of(machines.plan, {"*": {}})
    await converge(
        plan,
        machines.plan,
        machines.hosts,
        artifacts=local,
        external=EXTERNAL,
        redactor=Redactor(),
        connect=machines.connect,
        relay=Relay(),
    )
    assert not [line for line in machines.log if line.startswith("offer")]
