from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kbootstrap.core.errors import DeadlinePassed, HostUnreachable, InstallFailed, PrerequisiteMissing
from kbootstrap.core.events import to_json
from kbootstrap.hosts import session
from kbootstrap.hosts.session import SshHost
from tests.e2e.transfers import sent
from tests.hosts.conftest import Around, StartSshd
from tests.hosts.sshd import Sshd
from tests.waiting import until


@pytest.fixture
async def host(sshd: Sshd, around: Around) -> AsyncIterator[SshHost]:
    connected = await around.connector.connect(sshd.machine(), deadline=10)
    yield connected
    await connected.close()


def running(needle: str) -> bool:
    return subprocess.run(["pgrep", "-f", needle], stdout=subprocess.DEVNULL, check=False).returncode == 0


def pids(needle: str) -> list[int]:
    found = subprocess.run(["pgrep", "-f", needle], capture_output=True, text=True, check=True)
    return [int(pid) for pid in found.stdout.split()]


async def started(needle: str) -> None:
    assert await until(lambda: running(needle), seconds=5)


async def gone(needle: str) -> bool:
    return await until(lambda: not running(needle), seconds=5)


async def test_status_and_output(host: SshHost) -> None:
    output = await host.run("echo out; echo err >&2; exit 3", deadline=5, check=False)
    assert (output.status, output.stdout, output.stderr) == (3, "out\n", "err\n")
    assert (await host.run("kill -9 $$", deadline=5, check=False)).status in {137, 265}
    assert (await host.run("cat", deadline=5, stdin=b"a" * 300_000)).stdout == "a" * 300_000
    assert (await host.run("printf '\\377'", deadline=5)).stdout == "\ufffd"


async def test_stdin_that_is_not_read(host: SshHost) -> None:
    output = await host.run("exit 4", deadline=5, stdin=b"a" * 9_000_000, check=False)
    assert output.status == 4


async def test_a_failing_command_shows_its_last_lines(host: SshHost) -> None:
    with pytest.raises(InstallFailed) as caught:
        await host.run("seq 1 30 >&2\nexit 7", deadline=5)
    assert caught.value.message == "on node-1, `seq 1 30 >&2 …` failed with exit status 7"
    assert caught.value.host == "node-1"
    assert str(caught.value.detail).splitlines()[0] == "11"


async def test_secrets_are_redacted_everywhere(host: SshHost, around: Around) -> None:
    secret = around.redactor.add("hunter2-hunter2")
    with pytest.raises(InstallFailed) as caught:
        await host.run("cat >&2; exit 1", deadline=5, stdin=secret.encode())
    with pytest.raises(DeadlinePassed) as late:
        await host.run(f"echo {secret}; sleep 20", deadline=2)
    shown = [caught.value, caught.value.detail, late.value, late.value.detail, *around.events]
    assert "••••" in str(caught.value.detail)
    assert "••••" in str(late.value.detail)
    assert secret not in " ".join(map(str, shown))


async def test_large_output_is_bounded(host: SshHost) -> None:
    output = await host.run("seq 1 3000000", deadline=20)
    assert len(output.stdout) < 9_000_000
    assert output.stdout.startswith("1\n2\n")
    assert output.stdout.endswith("2999999\n3000000\n")
    assert "bytes left out" in output.stdout


async def test_the_deadline_ends_the_command_and_its_children(host: SshHost) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlinePassed, match=r"did not end within 2 s") as caught:
        await host.run("echo so far; sleep 4321 & setsid sleep 4322 & sleep 4323", deadline=2)
    assert time.monotonic() - began < 12
    assert caught.value.detail == "so far"
    assert await gone("^sleep 432[123]")


async def test_cancelling_ends_the_command(host: SshHost) -> None:
    task = asyncio.create_task(host.run("sleep 4331", deadline=60))
    await started("^sleep 4331")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone("^sleep 4331")
    assert (await host.run("echo still", deadline=5)).stdout == "still\n"


async def test_sudo_commands_end_as_well(isolated: Sshd, around: Around) -> None:
    host = await around.connector.connect(isolated.machine(user="free"), deadline=10)
    with pytest.raises(DeadlinePassed):
        await host.run("sleep 4341", deadline=2)
    assert await gone("^sleep 4341")
    await host.close()


async def test_many_commands_at_once(host: SshHost) -> None:
    outputs = await asyncio.gather(*(host.run(f"echo {n}; sleep 0.05", deadline=10) for n in range(30)))
    assert [int(output.stdout) for output in outputs] == list(range(30))


async def test_a_host_that_takes_one_session_only(start_sshd: StartSshd, around: Around) -> None:
    own = start_sshd(extra="MaxSessions 1")
    host = await around.connector.connect(own.machine(), deadline=10)
    outputs = await asyncio.gather(*(host.run(f"echo {n}", deadline=10) for n in range(5)))
    assert [int(output.stdout) for output in outputs] == list(range(5))
    await host.close()


async def test_a_connection_that_breaks(start_sshd: StartSshd, around: Around) -> None:
    own = start_sshd()
    host = await around.connector.connect(own.machine(), deadline=10)
    task = asyncio.create_task(host.run("sleep 4351", deadline=30))
    await started("^sleep 4351")
    for pid in children(own.process.pid):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(HostUnreachable, match="broke during `sleep 4351`"):
        await task
    with pytest.raises(HostUnreachable, match="broke"):
        await host.run("true", deadline=5)
    await host.close()
    await asyncio.to_thread(subprocess.run, ["pkill", "-f", "^sleep 4351"], check=False)


async def test_a_connection_that_hangs(start_sshd: StartSshd, around: Around) -> None:
    own = start_sshd()
    host = await around.connector.connect(own.machine(), deadline=10)
    stopped = children(own.process.pid)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(DeadlinePassed):
            await host.run("true", deadline=0.3)
        assert time.monotonic() - began < 4
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    await host.close()


def children(pid: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


async def test_put_a_large_file(host: SshHost, tmp_path: Path) -> None:
    source, placed = tmp_path / "source", tmp_path / "a b" / "deep" / "placed"
    block = os.urandom(1024 * 1024)
    source.write_bytes(block * 100)
    seen: list[tuple[int, int]] = []
    await host.put(
        source, str(placed), mode=0o755, deadline=60, progress=lambda done, total: seen.append((done, total))
    )
    assert hashlib.sha256(placed.read_bytes()).digest() == hashlib.sha256(source.read_bytes()).digest()
    assert placed.stat().st_mode & 0o777 == 0o755
    assert placed.stat().st_uid == 0
    assert placed.parent.stat().st_mode & 0o777 == 0o755
    assert seen[-1] == (100 * 1024 * 1024, 100 * 1024 * 1024)
    assert list(placed.parent.iterdir()) == [placed]


async def test_large_files_are_in_the_log(host: SshHost, around: Around, tmp_path: Path) -> None:
    """End-to-end tests show with it that no artifact was sent."""
    for name, size in (("small", 1024), ("large", 2 * 1024 * 1024)):
        await host.put(b"x" * size, str(tmp_path / name), mode=0o600, deadline=60)
    await host.run("true", deadline=5)
    events = tmp_path / "events"
    events.write_text("".join(f"{to_json(event)}\n" for event in around.events))
    assert sent(events) == {"large"}


async def test_put_bytes_over_an_older_file(host: SshHost, tmp_path: Path) -> None:
    placed = tmp_path / "placed"
    placed.write_text("old and longer")
    (tmp_path / ".placed.kbootstrap.99").write_text("left behind by a killed run")
    for content in (b"new", b"", b"x" * 64):
        await host.put(content, str(placed), mode=0o600, deadline=10)
        assert placed.read_bytes() == content
        assert placed.stat().st_mode & 0o777 == 0o600
    assert (await host.run(f"ls -A {tmp_path}", deadline=5)).stdout == "placed\nrun\n"


async def test_put_to_impossible_places(host: SshHost, tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="could not be written") as caught:
        await host.put(b"x", str(tmp_path), mode=0o600, deadline=10)
    assert "is a folder" in str(caught.value.detail)
    with pytest.raises(InstallFailed, match="could not be written"):
        await host.put(b"x", "/proc/nothing/here", mode=0o600, deadline=10)
    with pytest.raises(PrerequisiteMissing, match="cannot read"):
        await host.put(tmp_path / "absent", "/root/never", mode=0o600, deadline=10)


@pytest.mark.parametrize("size", [900_000, 5_000_000])
async def test_put_on_a_full_disk(isolated: Sshd, around: Around, size: int) -> None:
    """Small files run full while they are written; for large ones the space is asked for first."""
    host = await around.connector.connect(isolated.machine(), deadline=10)
    folder = isolated.folder / "full"
    await host.run(f"head -c 2500000 /dev/zero > {folder}/filler", deadline=10)
    with pytest.raises(InstallFailed) as caught:
        await host.put(b"x" * size, f"{folder}/file", mode=0o600, deadline=10)
    assert (await host.run(f"ls -A {folder}", deadline=10)).stdout == "filler\n"
    await host.close()
    assert f"no space left on node-1 for {folder}/file" in caught.value.message
    assert "are needed, " in caught.value.message
    assert "are free" in caught.value.message


async def test_an_interrupted_put_leaves_nothing(host: SshHost, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.touch()
    os.truncate(source, 400_000_000)
    folder = tmp_path / "to"
    put = asyncio.create_task(host.put(source, str(folder / "file"), mode=0o600, deadline=60))
    assert await until(lambda: folder.is_dir() and bool(list(folder.iterdir())), seconds=5)
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    assert await until(lambda: not list(folder.iterdir()), seconds=5)


async def test_a_file_that_changes_while_it_is_sent(host: SshHost, tmp_path: Path) -> None:
    source, placed = tmp_path / "source", tmp_path / "placed"
    source.write_bytes(b"x" * 2_000_000)

    def grow(_done: int, _total: int) -> None:
        with source.open("ab") as stream:
            stream.write(b"y")

    with pytest.raises(InstallFailed, match="arrived damaged"):
        await host.put(source, str(placed), mode=0o600, deadline=10, progress=grow)
    assert not placed.exists()


async def test_a_stalled_transfer_fails_long_before_its_deadline(
    host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine reads no more, as when its disk hangs."""
    monkeypatch.setattr(session, "_STALL", 0.5)
    task = asyncio.create_task(
        host.put(b"x" * 64_000_000, str(tmp_path / "still4391"), mode=0o600, deadline=60)
    )
    await started("still4391")
    groups = {os.getpgid(pid) for pid in pids("still4391")} - {os.getpgid(0)}
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    try:
        with pytest.raises(DeadlinePassed, match=r"has stalled for 0\.5 s, at .* of 61\.0 MiB") as caught:
            await task
    finally:
        for group in groups:
            os.killpg(group, signal.SIGCONT)
    assert caught.value.code == "KB0710"
    assert await gone("still4391")
    assert (await host.run("echo still", deadline=5)).stdout == "still\n"
