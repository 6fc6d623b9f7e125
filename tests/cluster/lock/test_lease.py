"""The lease of a cluster, taken with the real script: each server is a folder of this machine."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.cluster.lock import lease as leases
from kbootstrap.cluster.lock.holder import Holder, Process, holding, read
from kbootstrap.cluster.lock.lease import TTL, Lease, script
from kbootstrap.core.errors import DeadlinePassed, HostUnreachable, Locked
from kbootstrap.core.events import Event
from kbootstrap.hosts.model import Output
from tests.hosts.fake import FakeHost
from tests.waiting import until

ANNA = Holder("a" * 16, "anna", "laptop", Process(4242, "another-boot", "pid:[1]", "7"))
LONG = 120
"""Seconds that renewals in the background may take on a busy machine."""
BERT = Holder("b" * 16, "bert", "tower", Process(17, "a-third-boot", "pid:[1]", "9"))


class Server(FakeHost):
    """Runs commands for real, with a folder in place of /run/kbootstrap."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self.folder = folder / name

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        del check
        self._must_be_open("a command")
        # In a thread: a renewal that is cancelled leaves no process behind that nothing has waited for.
        done = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-c", command.replace("/run/kbootstrap", str(self.folder))],
            input=stdin or b"",
            capture_output=True,
            timeout=deadline,
            check=False,
        )
        assert not done.stderr, done.stderr
        return Output(done.returncode, done.stdout.decode(), "")

    @property
    def lease(self) -> Path:
        return self.folder / "lease"

    @property
    def holder(self) -> Holder | None:
        found = read(self.lease.read_text()) if self.lease.exists() else None
        return None if found is None or found.released else found

    def grow_old(self, seconds: int) -> None:
        now = int(Path("/proc/uptime").read_text().split(".")[0])
        lines = self.lease.read_text().splitlines()
        made = [f"renewed {now - seconds}" if line.startswith("renewed") else line for line in lines]
        self.lease.write_text("\n".join(made) + "\n")


class Stuck(FakeHost):
    """A host whose command ends with the deadline; `meanwhile` happens before."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__("stuck")
        self.meanwhile = meanwhile

    async def run(
        self, command: str, *, deadline: float, stdin: bytes | None = None, check: bool = True
    ) -> Output:
        del command, deadline, stdin, check
        await self.meanwhile()
        raise DeadlinePassed("did not end within 60 s")


def lost(lease: Lease) -> bool:
    try:
        lease.verify()
    except Locked:
        return True
    return False


@pytest.fixture
def servers(tmp_path: Path) -> dict[str, Server]:
    return {name: Server(name, tmp_path) for name in ("s1", "s2", "s3")}


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this machine."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


async def test_the_second_run_gets_user_machine_and_start_time(servers: dict[str, Server]) -> None:
    anna, bert = Lease("prod", me=ANNA), Lease("prod", me=BERT)
    await anna.take(servers)
    with pytest.raises(
        Locked, match=r"prod is being changed by anna@laptop, process 4242, since \d{4}-"
    ) as reported:
        await bert.take(servers)
    assert (reported.value.exit_code, reported.value.code) == (10, "KB0860")
    assert "--force-unlock prod" in (reported.value.hint or "")
    assert not bert.is_held
    await anna.release()
    await bert.take(servers)
    assert all(
        server.holder == replace(BERT, since=server.holder.since)
        for server in servers.values()
        if server.holder
    )
    await bert.release()
    assert all(server.holder is None for server in servers.values())


@pytest.mark.parametrize("act", ["take", "keep", "release"])
async def test_a_caller_that_is_killed_while_it_sends_its_name_changes_nothing(
    act: str, servers: dict[str, Server]
) -> None:
    """Without the holder's name, nothing would show that it has ended."""
    server = next(iter(servers.values()))
    whole = f"{ANNA.fields()}end\n"
    for sent in ("", ANNA.fields()[:-4], ANNA.fields(), whole[:-2]):
        output = await server.run(script(act, ANNA.id), deadline=10, stdin=sent.encode())
        assert (output.status, output.stdout, server.lease.exists()) == (4, "", False), sent
    lease = Lease("prod", me=ANNA)
    await lease.take({server.name: server})
    before = server.lease.read_text()
    assert (await server.run(script(act, ANNA.id), deadline=10, stdin=b"user anna\n")).status == 4
    assert server.lease.read_text() == before
    await lease.release()


async def test_runs_that_reach_different_servers_meet_at_common_ones(servers: dict[str, Server]) -> None:
    anna, bert = Lease("prod", me=ANNA), Lease("prod", me=BERT)
    await anna.take({name: servers[name] for name in ("s2", "s3")})
    with pytest.raises(Locked):
        await bert.take({name: servers[name] for name in ("s1", "s2")})
    assert servers["s1"].holder is None, "what was taken in vain is given back"
    anna.verify()
    await anna.release()


async def test_of_many_at_once_one_gets_it(servers: dict[str, Server]) -> None:
    runs = [Lease("prod", me=replace(ANNA, id=f"{number:016x}")) for number in range(12)]
    done = await asyncio.gather(*(run.take(servers) for run in runs), return_exceptions=True)
    assert [type(one) for one in done if one is not None] == [Locked] * 11
    for run in runs:
        await run.release()


@pytest.mark.parametrize(("age", "free"), [(TTL - 30, False), (TTL, True), (-50, True)])
async def test_a_lease_ends_without_renewal(servers: dict[str, Server], age: int, free: bool) -> None:
    await Lease("prod", me=ANNA).take(servers)
    for server in servers.values():
        server.grow_old(age)  # one of the future is of another start of the machine
    bert = Lease("prod", me=BERT)
    if not free:
        with pytest.raises(Locked, match=r"\(renewed \d+ s ago\)"):
            await bert.take(servers)
        return
    await bert.take(servers)
    await bert.release()


async def test_the_lease_of_an_ended_local_run_is_taken_over_at_once(
    servers: dict[str, Server], child: subprocess.Popen[bytes]
) -> None:
    process = Process.of(child.pid)
    assert process
    assert process.boot
    reported: list[Event] = []
    await Lease("prod", me=replace(ANNA, process=process)).take(servers)
    mine = Lease("prod", reported.append)
    with pytest.raises(Locked):
        await mine.take(servers)
    child.kill()
    # It has ended, and its exit code was not collected.
    await asyncio.to_thread(os.waitid, os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    await mine.take(servers)
    assert "which has ended" in (reported[0].detail or "")
    await mine.release()


@pytest.mark.parametrize(
    ("process", "found", "dead"),
    [
        (Process(5, "boot", "ns", "1"), None, True),
        (Process(5, "boot", "ns", "1"), Process(5, "boot", "ns", "1"), False),
        (Process(5, "boot", "ns", "1"), Process(5, "boot", "ns", "2"), True),
        (Process(5, "other", "ns", "1"), None, False),
        (Process(5, "boot", "container", "1"), None, False),
        (Process(5), None, False),
    ],
)
def test_processes_that_have_certainly_ended(process: Process, found: Process | None, dead: bool) -> None:
    assert process.dead(found, Process(9, "boot", "ns", "3")) is dead
    assert not process.dead(found, None)


async def test_a_broken_lock_stops_its_run(
    servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "EVERY", 0.05)
    reported: list[Event] = []
    anna, bert = Lease("prod", me=ANNA), Lease("prod", reported.append, me=BERT)
    await anna.take(servers)
    host = anna.guard(servers["s2"])
    assert (await host.run("echo fine", deadline=5)).stdout == "fine\n"
    bert.forced = True
    await bert.take(servers)
    assert "broken" in (reported[0].detail or "")
    await bert.release()  # also one that was given back meanwhile: the world has moved
    assert await until(lambda: lost(anna), seconds=LONG)
    with pytest.raises(Locked, match="taken from this run by bert@tower") as caught:
        await host.run("echo bad", deadline=5)
    assert caught.value.code == "KB0861"
    with pytest.raises(Locked):
        await host.put(b"x", "/x", mode=0o600, deadline=5)
    with pytest.raises(Locked):
        await anna.take(servers)
    await anna.release()


async def test_a_command_of_a_suspended_run_ends_with_the_lost_lease(
    servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deadline has passed as well, which explains less."""
    clock = [1000.0]
    monkeypatch.setattr(leases, "_now", lambda: clock[0])
    anna, bert = Lease("prod", me=ANNA), Lease("prod", me=BERT)
    await anna.take(servers)

    async def nothing() -> None:
        clock[0] += 60

    async def taken() -> None:
        clock[0] += 60
        bert.forced = True
        await bert.take(servers)

    with pytest.raises(DeadlinePassed):
        await anna.guard(Stuck(nothing)).run("facts", deadline=60)
    with pytest.raises(Locked, match="taken from this run by bert@tower"):
        await anna.guard(Stuck(taken)).run("facts", deadline=60)
    await anna.release()
    await bert.release()


async def test_a_server_that_was_restarted_keeps_it_again(
    servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "EVERY", 0.05)
    anna = Lease("prod", me=ANNA)
    await anna.take(servers)
    servers["s1"].lease.unlink()
    servers["s2"].broken = True
    assert await until(lambda: servers["s1"].holder, seconds=LONG)
    anna.verify()
    await anna.release()


async def test_the_only_server_reboots(servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """For longer than the lease lasts. It went with /run, and this run takes it again if none was faster."""
    clock = [1000.0]
    monkeypatch.setattr(leases, "_now", lambda: clock[0])
    anna, bert = Lease("prod", me=ANNA), Lease("prod", me=BERT)
    await anna.take({"s1": servers["s1"]})
    servers["s1"].lease.unlink()
    clock[0] += TTL * 3
    assert lost(anna)
    again = Server("s1", servers["s1"].folder.parent)
    await anna.again(again)
    anna.verify()
    servers["s1"].broken = True
    await anna.guard(again).run("true", deadline=60)
    again.lease.unlink()
    await bert.take({"s1": again})
    with pytest.raises(Locked, match="is being changed"):
        await anna.again(again)
    await bert.release()
    anna.forget()


async def test_without_most_servers_it_is_lost(
    servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(leases, "EVERY", 0.05)
    monkeypatch.setattr(leases, "_now", lambda: clock[0])
    anna = Lease("prod", me=ANNA)
    await anna.take(servers)
    servers["s1"].broken = True
    clock[0] += TTL - 10
    assert await until(lambda: not lost(anna), seconds=LONG)
    servers["s2"].broken = True
    clock[0] += TTL - 10
    with pytest.raises(Locked, match="could not be renewed"):
        anna.verify()
    await anna.release()


async def test_new_servers_keep_it_too_and_one_that_does_not_answer_stops_the_run(
    servers: dict[str, Server],
) -> None:
    anna = Lease("prod", me=ANNA)
    await anna.take({"s1": servers["s1"]})
    await anna.take(servers)
    assert servers["s3"].holder
    servers["s3"].broken = True
    with pytest.raises(HostUnreachable):
        await Lease("prod", me=BERT).take({"s3": servers["s3"]})
    await anna.release()
    assert servers["s1"].holder is None


def test_what_others_wrote_is_shown_harmlessly() -> None:
    found = read("id x\nuser \x1b[31manna\nhost " + "h" * 500 + "\npid nine\nage -4\n")
    assert found
    assert found.user == "[31manna"
    assert len(found.host) == 120
    assert (found.process.pid, found.age) == (0, 0)
    assert read("nonsense") is None


@pytest.mark.parametrize(
    ("renewed", "now", "age"),
    [("100", "104", 4), ("100", "219", 119), ("100", "220", None), ("-", "104", None), ("104", "100", None)],
)
def test_read_only_commands_see_the_holder(renewed: str, now: str, age: int | None) -> None:
    found = holding(f"id x\nrenewed {renewed}\nuser anna\nhost laptop\nnow {now}\n", TTL)
    assert (found and found.age) == age
