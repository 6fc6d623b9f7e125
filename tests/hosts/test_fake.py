from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.core.errors import DeadlinePassed, HostUnreachable, InstallFailed
from kbootstrap.hosts.model import Connector, Host, Output
from kbootstrap.inventory.model import Machine, SshTarget
from tests.hosts.fake import Answer, Drop, FakeConnector, FakeHost, Hang, Put, Run, output


def machine(name: str) -> Machine:
    return Machine(name, "10.0.0.1", SshTarget(name, "10.0.0.1", 22, "root"), "i")


def answer(call: Run) -> Answer:
    answers: dict[str, Answer] = {
        "fail": output(status=3, stderr="no good"),
        "hang": Hang(),
        "slow": Hang(0.01, output("late")),
        "drop": Drop(),
        "raise": ValueError("scripted"),
    }
    return answers.get(call.command, output(call.command))


async def test_answers_and_records(tmp_path: Path) -> None:
    connector = FakeConnector(answer)
    checked: Connector = connector
    host: Host = await checked.connect(machine("a"), deadline=1)
    assert (await host.run("hello", deadline=1, stdin=b"x")).stdout == "hello"
    assert (await host.run("slow", deadline=1)).stdout == "late"
    (tmp_path / "f").write_bytes(b"123")
    seen: list[tuple[int, int]] = []
    await host.put(tmp_path / "f", "/etc/f", mode=0o600, deadline=1, progress=lambda *p: seen.append(p))
    fake = connector.hosts["a"]
    assert fake.calls == [
        Run("a", "hello", b"x", 1),
        Run("a", "slow", b"", 1),
        Put("a", "/etc/f", b"123", 0o600),
    ]
    assert (fake.files, fake.modes, fake.commands) == (
        {"/etc/f": b"123"},
        {"/etc/f": 0o600},
        ["hello", "slow"],
    )
    assert seen == [(3, 3)]
    await host.close()
    assert fake.closed
    with pytest.raises(RuntimeError, match="after it was closed"):
        await host.run("x", deadline=1)


async def test_failures() -> None:
    host = FakeHost("a", answer)
    with pytest.raises(InstallFailed, match="on a, `fail` failed with exit status 3") as caught:
        await host.run("fail", deadline=1)
    assert caught.value.detail == "no good"
    assert await host.run("fail", deadline=1, check=False) == Output(3, "", "no good")
    with pytest.raises(DeadlinePassed):
        await host.run("hang", deadline=0.01)
    with pytest.raises(ValueError, match="scripted"):
        await host.run("raise", deadline=1)
    for _ in range(2):
        with pytest.raises(HostUnreachable, match="broke during `drop`"):
            await host.run("drop", deadline=1)


async def test_full_disk() -> None:
    host = FakeHost("a", free=5)
    await host.put(b"123", "/a", mode=0o600, deadline=1)
    with pytest.raises(
        InstallFailed, match="no space left on a for /b: 3 bytes are needed, 2 bytes are free"
    ):
        await host.put(b"123", "/b", mode=0o600, deadline=1)


async def test_refusals() -> None:
    connector = FakeConnector(
        refusals={"a": [HostUnreachable("once")], "b": HostUnreachable("always")}, hanging=frozenset({"c"})
    )
    with pytest.raises(HostUnreachable, match="once"):
        await connector.connect(machine("a"), deadline=1)
    await connector.connect(machine("a"), deadline=1)
    for _ in range(2):
        with pytest.raises(HostUnreachable, match="always"):
            await connector.connect(machine("b"), deadline=1)
    with pytest.raises(HostUnreachable, match=r"within 0.01 s"):
        await connector.connect(machine("c"), deadline=0.01)
    assert connector.attempts == ["a", "a", "b", "b", "c"]
