"""Artifacts that nodes pass on: the scripts in a real shell, and who is sent what."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.cluster.converge.converge import converge
from kbootstrap.cluster.converge.relay import Relay
from kbootstrap.cluster.state.wanted import LocalFile, Wanted
from kbootstrap.core import files
from kbootstrap.core.events import Event, Status
from kbootstrap.core.redact import Redactor
from kbootstrap.hosts.fake import Answer, FakeHost, Put, Run, output
from kbootstrap.hosts.model import Output
from tests.cluster.converge.samples import A1, S1, S2, S3, plan_of
from tests.cluster.machines import Machines
from tests.cluster.world import EXTERNAL, desired

BINARY = "/usr/local/bin/k3s"


def shell(call: Run) -> Output:
    done = subprocess.run(["sh", "-c", call.command], capture_output=True, text=True, check=False)
    return output(done.stdout, status=done.returncode, stderr=done.stderr)


class _Shell(FakeHost):
    """Runs commands on this machine, beside others."""

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        del stdin, check
        return await asyncio.to_thread(shell, Run(self.name, command, b"", deadline))


@pytest.fixture
def bits(tmp_path: Path) -> Path:
    place = tmp_path / "k3s here"
    place.write_bytes(os.urandom(3_000_000))
    return place


@pytest.fixture
def heard() -> list[str]:
    return []


async def fetch(relay: Relay, bits: Path, place: Path, heard: list[str], *, name: str = "k3s") -> bool:
    local = LocalFile(bits, hashlib.sha256(content(bits)).hexdigest())
    return await relay.fetch(_Shell(S2), name, str(place), 0o755, local, waiting=heard.append)


def uid_of(process: int) -> str:
    return Path(f"/proc/{process}/status").read_text().partition("Uid:\t")[2].split()[0]


def ended(process: int) -> bool:
    place = Path(f"/proc/{process}/stat")
    return not place.exists() or "Z" in place.read_text().split()


def content(place: Path) -> bytes:
    return place.read_bytes()


def mode(place: Path) -> int:
    return place.stat().st_mode & 0o777


def names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def test_a_file_is_passed_on_whole(bits: Path, tmp_path: Path, heard: list[str]) -> None:
    relay, place = Relay(), tmp_path / "other" / "bin" / "k3s"
    await relay.offer(_Shell(S1), "127.0.0.1", {"k3s": str(bits), "images": str(bits)})
    process = relay._process
    assert process
    try:
        if os.getuid() == 0:
            assert uid_of(process) == "65534", "it can read nothing else"
        both = await asyncio.gather(
            fetch(relay, bits, place, heard), fetch(relay, bits, tmp_path / "i", heard, name="images")
        )
        assert all(both)
        assert content(place) == content(bits)
        assert mode(place) == 0o755
        assert names(place.parent) == ["k3s"]
        assert heard == [f"{S1} passes it on"] * 2
    finally:
        await relay.close()
    async with asyncio.timeout(30):
        while not ended(process):  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)
    assert not await fetch(relay, bits, tmp_path / "late", heard), "it is not asked when nothing is offered"


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
    relay = Relay()
    await relay.offer(_Shell(S1), "127.0.0.1", {"other" if harm == "unknown" else "k3s": str(offered)})
    try:
        if harm == "gone":
            os.kill(relay._process, 9)
        fetched = await fetch(relay, bits, place, heard)
    finally:
        await relay.close()
    if harm == "longer":  # the beginning is the file
        assert fetched
        assert content(place) == whole
        return
    assert not fetched
    assert content(place) == b"as it was"
    assert names(place.parent) == ["k3s"]


async def test_without_an_answer_the_file_is_sent(bits: Path, tmp_path: Path, heard: list[str]) -> None:
    relay = Relay()
    await relay.offer(FakeHost(S1), "127.0.0.1", {"k3s": str(bits)})  # no python3 there
    assert not await fetch(relay, bits, tmp_path / "k3s", heard)
    assert heard == []


class _Passing(Machines):
    """Machines that offer and fetch; `closed` are those that do not reach the one that offers."""

    closed: frozenset[str] = frozenset()

    def answer(self, call: Run) -> Answer:
        if 'print("offer"' in call.command:
            self.log.append(f"offer {call.host}")
            return output("offer 30001 4711\n")
        if "echo fetched" in call.command:
            self.log.append(f"fetch {call.host}")
            return output("fetched\n" if call.host not in self.closed else "")
        if call.command == "kill 4711":
            self.log.append(f"kill {call.host}")
        return super().answer(call)


def reachable(servers: int, agents: int) -> Wanted:
    wanted = desired(servers, agents)
    nodes = tuple(replace(node, address=f"10.0.0.{n}") for n, node in enumerate(wanted.nodes, 11))
    return replace(wanted, nodes=nodes)


def sent(machines: Machines, name: str) -> list[str]:
    calls = machines.hosts[name].calls
    return [one.destination for one in calls if isinstance(one, Put) and one.destination == BINARY]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("relay", [True, False])
async def test_only_the_first_server_is_sent_the_files(local: dict[str, LocalFile], relay: bool) -> None:
    machines, events = _Passing(reachable(3, 1)), list[Event]()
    machines.closed = frozenset({A1})
    plan = plan_of(machines.plan, {"*": {}})
    await converge(
        plan,
        machines.plan,
        machines.hosts,
        artifacts=local,
        external=EXTERNAL,
        redactor=Redactor(),
        emit=events.append,
        connect=machines.connect,
        relay=Relay() if relay else None,
    )
    if not relay:
        assert not [line for line in machines.log if line.startswith(("offer", "fetch"))]
        assert all(sent(machines, name) for name in machines.hosts)
        return
    assert machines.log[0] == f"offer {S1}"
    assert f"kill {S1}" in machines.log
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
