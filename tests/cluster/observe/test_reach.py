"""Ways between machines, tried by the real scripts on this machine."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kbootstrap.cluster.observe import reach as room
from kbootstrap.cluster.observe.reach import listening, reach, try_all
from kbootstrap.cluster.state.paths import Target
from kbootstrap.core.errors import HostUnreachable
from kbootstrap.distros.requirements import Port
from kbootstrap.hosts.model import Output
from kbootstrap.hosts.script import shell_script
from tests.cluster.decide.test_paths import on_machines
from tests.hosts.fake import Answer, FakeHost, Run, output


def here(call: Run) -> Answer:
    """Run a command on this machine."""
    done = subprocess.run(["sh", "-c", call.command], capture_output=True, text=True, check=False)
    return Output(done.returncode, done.stdout, done.stderr)


HOST = FakeHost("here", here)


@pytest.fixture
def busy() -> Iterator[int]:
    """A port on which something listens."""
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - as services do
        yield server.getsockname()[1]


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_answers(busy: int) -> None:
    open_, refused = Target("TCP", "127.0.0.1", busy), Target("TCP", "127.0.0.1", free())
    unnamed = Target("TCP", "no.such.host.invalid", 80)
    found = await reach(HOST, [open_, refused, unnamed])
    assert found[open_] == "open"
    assert found[refused] == "refused"
    assert found[unnamed] in ("unnamed", "silent")
    assert await reach(HOST, []) == {}


async def test_a_machine_without_bash_says_nothing() -> None:
    host = FakeHost(
        "x", lambda _call: output("begin kbootstrap-reach-1\nreach tcp x\nend kbootstrap-reach-1\n")
    )
    assert await reach(host, [Target("TCP", "10.0.0.1", 80)]) == {}


async def test_ports_for_this_machine_alone_are_not_listened_on_for_others(busy: int) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as own,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as v6,
    ):
        found = await listening(HOST)
        assert busy in found
        assert not found & {own.getsockname()[1], v6.getsockname()[1]}


@pytest.mark.parametrize("python", [True, False], ids=["python", "perl"])
async def test_a_listener_answers_until_it_is_ended(python: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    script = shell_script(room.__package__, "listen.sh")
    assert "for one in python3 " in script
    if not python:
        monkeypatch.setattr(room, "shell_script", _without_python)
    tcp, udp = free(), free()
    process, ports = await room._answer(
        HOST, [Port(tcp, "TCP", "nodes", "x"), Port(udp, "UDP", "nodes", "y")]
    )
    targets = [Target("TCP", "127.0.0.1", tcp), Target("UDP", "127.0.0.1", udp)]
    try:
        assert ports == {f"TCP {tcp}", f"UDP {udp}"}
        assert set((await reach(HOST, targets)).values()) == {"open"}
        assert set((await reach(HOST, targets)).values()) == {"open"}, "more than one may ask"
    finally:
        await HOST.run(f"kill {process}", deadline=5)
    for _ in range(50):
        if set((await reach(HOST, targets)).values()) == {"refused"}:
            return
        await asyncio.sleep(0.1)
    pytest.fail("it still answers")


def _without_python(package: str, *names: str, **values: object) -> str:
    return shell_script(package, *names, **values).replace(
        "for one in python3 /usr/libexec/platform-python", "for one in nothing.of.that.name"
    )


async def test_a_port_in_use_is_left_out(busy: int) -> None:
    process, ports = await room._answer(HOST, [Port(busy, "TCP", "nodes", "x")])
    await HOST.run(f"kill {process}", deadline=5, check=False)
    assert ports == frozenset()


async def test_every_path_among_machines_is_tried_and_listeners_are_ended() -> None:
    plan = on_machines(1, 1)
    server, agent = (node.name for node in plan.nodes)
    killed: list[str] = []

    def answer(call: Run) -> Answer:
        if call.command.startswith("ports="):
            words = call.command.partition("\n")[0].removeprefix("ports=").strip("'").split()
            return output("listener 77\n" + "".join(f"answers {word}\n" for word in words))
        if call.command.startswith("targets="):
            lines = call.command.partition("\nseconds=")[0].removeprefix("targets=").strip("'").splitlines()
            return output("".join(f"reach {line} open\n" for line in lines))
        if call.command.startswith("kill"):
            killed.append(f"{call.host} {call.command}")
        return output("port 192B\n" if call.host == server else "")

    hosts = {name: FakeHost(name, answer) for name in (server, agent)}
    found = await try_all(plan, hosts, hosts)
    assert {(one.source, str(one.path.port)) for one in found} == {
        *((agent, port) for port in ("TCP 6443", "TCP 10250", "UDP 8472")),
        *((server, port) for port in ("TCP 10250", "UDP 8472")),
    }
    assert all(one.answer == "open" and one.answers for one in found)
    assert sorted(killed) == sorted([f"{server} kill 77", f"{agent} kill 77"])
    asked = [call.command for call in hosts[server].calls if isinstance(call, Run)]
    assert not any("tcp/6443" in text.partition("\n")[0] for text in asked), "something listens there"

    found = await try_all(plan, hosts, [])
    assert {str(one.path.port) for one in found if one.answers} == {"TCP 6443"}, "no process may listen"


async def test_a_machine_that_breaks_leaves_its_paths_untried() -> None:
    plan = on_machines(1, 1)
    server, agent = (node.name for node in plan.nodes)
    broken = FakeHost(agent, lambda _call: HostUnreachable("gone", code="KB0701"))
    found = await try_all(plan, {server: FakeHost(server, lambda _call: output()), agent: broken}, [agent])
    assert found
    assert not any(one.answer or one.answers for one in found)
    nowhere = replace(plan, nodes=tuple(replace(node, address="") for node in plan.nodes))
    assert await try_all(nowhere, {server: broken, agent: broken}, []) == ()
