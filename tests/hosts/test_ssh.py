from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.core.errors import CredentialsRefused, HostKeyChanged, HostUnreachable
from kbootstrap.core.events import Status
from kbootstrap.hosts.known_hosts import Pin, fingerprint
from kbootstrap.inventory.model import Endpoint
from tests.hosts.conftest import Around, StartSshd
from tests.hosts.sshd import Sshd, free_port, make_key


async def test_first_contact_pins_the_key_and_says_so(sshd: Sshd, around: Around) -> None:
    host = await around.connector.connect(sshd.machine(), deadline=10)
    output = await host.run("id -u; echo $LC_ALL", deadline=5)
    await host.close()
    assert output.stdout == "0\nC\n"
    assert around.pins.pin("node-1") == Pin("node-1", "i-1", (sshd.host_key,))
    assert around.pins.path.stat().st_mode & 0o777 == 0o600
    (said,) = around.details("host key")
    assert "first contact" in said
    assert fingerprint(sshd.host_key) in said


async def test_a_known_key_is_silent(sshd: Sshd, around: Around) -> None:
    around.pins.store(Pin("node-1", "i-1", (sshd.host_key,)))
    await (await around.connector.connect(sshd.machine(), deadline=10)).close()
    assert around.details("host key") == []


async def test_trusted_keys_of_a_new_machine_are_pinned(sshd: Sshd, around: Around, tmp_path: Path) -> None:
    around.pins.store(Pin("node-1", "i-0", (make_key(tmp_path / "old"),)))
    await (await around.connector.connect(sshd.machine(host_keys=(sshd.host_key,)), deadline=10)).close()
    assert around.pins.pin("node-1") == Pin("node-1", "i-1", (sshd.host_key,))
    assert "known from the provider" in around.details("host key")[0]


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
async def test_another_key_of_the_same_machine_stops_at_once(
    sshd: Sshd, around: Around, tmp_path: Path, kind: str
) -> None:
    old = make_key(tmp_path / "old", kind=kind)
    around.pins.store(Pin("node-1", "i-1", (old,)))
    with pytest.raises(HostKeyChanged) as caught:
        await around.connector.connect(sshd.machine(), deadline=30)
    assert fingerprint(old) in caught.value.message
    assert fingerprint(sshd.host_key) in caught.value.message
    assert caught.value.exit_code == 7
    assert f"ssh-keygen -R node-1 -f {around.pins.path}" in str(caught.value.hint)
    assert around.pins.pin("node-1") == Pin("node-1", "i-1", (old,))


async def test_a_pin_overrides_the_providers_key(sshd: Sshd, around: Around, tmp_path: Path) -> None:
    around.pins.store(Pin("node-1", "i-1", (make_key(tmp_path / "old"),)))
    with pytest.raises(HostKeyChanged, match="but pinned is SHA256:"):
        await around.connector.connect(sshd.machine(host_keys=(sshd.host_key,)), deadline=30)


async def test_another_key_than_the_provider_says_stops_at_once(
    sshd: Sshd, around: Around, tmp_path: Path
) -> None:
    with pytest.raises(HostKeyChanged, match="known is SHA256:"):
        await around.connector.connect(sshd.machine(host_keys=(make_key(tmp_path / "k"),)), deadline=30)
    assert around.pins.pin("node-1") is None


async def test_a_new_machine_may_have_a_new_key(sshd: Sshd, around: Around, tmp_path: Path) -> None:
    around.pins.store(Pin("node-1", "i-0", (make_key(tmp_path / "old"),)))
    await (await around.connector.connect(sshd.machine(), deadline=10)).close()
    assert around.pins.pin("node-1") == Pin("node-1", "i-1", (sshd.host_key,))
    assert "a new machine under this name" in around.details("host key")[0]


async def test_a_refused_key_is_reported_at_once(sshd: Sshd, around: Around, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    with pytest.raises(CredentialsRefused) as caught:
        await around.connector.connect(sshd.machine(identities=(tmp_path / "other",)), deadline=90)
    assert not [event for event in around.events if event.status is Status.WAITING], "it was tried once"
    assert "user root" in caught.value.message
    assert str(tmp_path / "other") in caught.value.message
    assert "authorized_keys" in str(caught.value.hint)


async def test_default_keys_of_the_user(sshd: Sshd, around: Around, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    shutil.copy(sshd.folder / "user_key", tmp_path / ".ssh" / "id_ed25519")
    make_key(tmp_path / ".ssh" / "id_rsa", passphrase="secret words")
    await (await around.connector.connect(sshd.machine(identities=()), deadline=10)).close()


async def test_a_port_where_nothing_listens(around: Around, sshd: Sshd) -> None:
    with pytest.raises(HostUnreachable, match=r"within 0\.5 s: connection refused") as caught:
        await around.connector.connect(sshd.machine(port=free_port()), deadline=0.5)
    assert "is sshd running" in str(caught.value.hint)
    assert caught.value.host == "node-1"
    waiting = [event for event in around.events if event.status is Status.WAITING]
    assert [event.detail for event in waiting] == ["connection refused"]


async def test_a_name_that_does_not_exist_fails_at_once(around: Around, sshd: Sshd) -> None:
    with pytest.raises(HostUnreachable, match=r"the name cannot be resolved|within 2 s"):
        await around.connector.connect(sshd.machine(host="no-such-host.invalid"), deadline=2)


async def test_an_address_that_never_answers(around: Around, sshd: Sshd) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(HostUnreachable, match=r"within 0\.7 s: no answer"):
            await around.connector.connect(sshd.machine(port=silent.getsockname()[1]), deadline=0.7)


async def test_something_else_than_ssh(around: Around, sshd: Sshd) -> None:
    async def web(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(web, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(HostUnreachable) as caught:
        await around.connector.connect(sshd.machine(port=port), deadline=0.5)
    assert "other than SSH" in str(caught.value.hint)
    server.close()
    await server.wait_closed()


async def test_a_machine_that_boots_while_we_wait(start_sshd: StartSshd, around: Around, sshd: Sshd) -> None:
    port = free_port()
    connecting = asyncio.create_task(around.connector.connect(sshd.machine(port=port), deadline=20))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(start_sshd, port=port, user_key=sshd.folder / "user_key")
    await (await connecting).close()


async def test_a_stopped_sshd(start_sshd: StartSshd, around: Around) -> None:
    own = start_sshd()
    own.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(HostUnreachable, match="no answer"):
            await around.connector.connect(own.machine(), deadline=0.6)
    finally:
        own.process.send_signal(signal.SIGCONT)


async def test_sudo_without_a_password(isolated: Sshd, around: Around, tmp_path: Path) -> None:
    host = await around.connector.connect(isolated.machine(user="free"), deadline=10)
    assert (await host.run("id -un; cat", deadline=5, stdin=b"words")).stdout == "root\nwords"
    await host.put(b"x", str(tmp_path / "made" / "file"), mode=0o640, deadline=5)
    await host.close()
    assert (tmp_path / "made" / "file").stat().st_uid == 0


async def test_sudo_that_asks_for_a_password(isolated: Sshd, around: Around) -> None:
    with pytest.raises(CredentialsRefused, match="sudo asks user asked for a password") as caught:
        await around.connector.connect(isolated.machine(user="asked"), deadline=10)
    assert "NOPASSWD" in str(caught.value.hint)


async def test_through_a_bastion(sshd: Sshd, start_sshd: StartSshd, around: Around) -> None:
    bastion = start_sshd("bastion")
    machines = [sshd.machine(f"node-{n}", jump=bastion.target("bastion")) for n in range(12)]
    hosts = await asyncio.gather(*(around.connector.connect(m, deadline=15) for m in machines))
    said = await asyncio.gather(*(host.run("echo ok", deadline=5) for host in hosts))
    assert {output.stdout for output in said} == {"ok\n"}
    assert bastion.log.count("Accepted publickey") == 1
    assert around.pins.pin("bastion") == Pin("bastion", "", (bastion.host_key,))
    await asyncio.gather(*(host.close() for host in hosts))
    again = await around.connector.connect(machines[0], deadline=15)
    await again.close()
    assert bastion.log.count("Accepted publickey") == 2


async def test_through_two_bastions(sshd: Sshd, start_sshd: StartSshd, around: Around) -> None:
    outer = start_sshd("outer")
    inner = start_sshd("inner").target("inner", jump=outer.target("outer"))
    host = await around.connector.connect(sshd.machine(jump=inner), deadline=15)
    assert (await host.run("echo ok", deadline=5)).stdout == "ok\n"
    await host.close()


async def test_a_bastion_that_refuses_us_or_is_gone(
    sshd: Sshd, start_sshd: StartSshd, around: Around, tmp_path: Path
) -> None:
    bastion = start_sshd("bastion")
    make_key(tmp_path / "other")
    refused = bastion.target("bastion", identities=(tmp_path / "other",))
    with pytest.raises(CredentialsRefused, match=r"^bastion bastion .* refuses the login"):
        await around.connector.connect(sshd.machine(jump=refused), deadline=10)
    gone = replace(bastion.target("bastion"), port=free_port())
    with pytest.raises(HostUnreachable, match="bastion bastion: connection refused"):
        await around.connector.connect(sshd.machine(jump=gone), deadline=0.5)
    with pytest.raises(HostUnreachable, match="connection refused"):
        await around.connector.connect(
            sshd.machine(port=free_port(), jump=bastion.target("bastion")), deadline=1
        )


async def test_a_bastion_that_does_not_forward(sshd: Sshd, start_sshd: StartSshd, around: Around) -> None:
    bastion = start_sshd("bastion", extra="AllowTcpForwarding no")
    with pytest.raises(HostUnreachable, match="does not forward"):
        await around.connector.connect(sshd.machine(jump=bastion.target("bastion")), deadline=20)


async def test_cancelling_leaves_nothing(around: Around, sshd: Sshd) -> None:
    connecting = asyncio.create_task(around.connector.connect(sshd.machine(port=free_port()), deadline=60))
    await asyncio.sleep(0.1)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert len(asyncio.all_tasks()) == 1


async def test_a_door_through_a_bastion_leads_to_the_api(start_sshd: StartSshd, around: Around) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"api")
        writer.close()

    bastion = start_sshd("bastion").target("bastion")
    api = await asyncio.start_server(answer, "127.0.0.1", 0)
    behind = Endpoint("127.0.0.1", api.sockets[0].getsockname()[1])
    async with api, around.connector.reach_endpoint(behind, bastion) as door:
        assert (door.host, door.server_name) == ("127.0.0.1", "127.0.0.1")
        assert door.port != behind.port
        reader, writer = await asyncio.open_connection(door.host, door.port)
        assert await reader.read() == b"api"
        writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(door.host, door.port)


async def test_without_a_bastion_the_door_is_the_endpoint(around: Around) -> None:
    endpoint = Endpoint("203.0.113.5", 6443, "10.0.0.11")
    async with around.connector.reach_endpoint(endpoint, None) as door:
        assert door == endpoint


async def test_a_door_through_a_bastion_that_is_gone(start_sshd: StartSshd, around: Around) -> None:
    gone = replace(start_sshd("bastion").target("bastion"), port=free_port())
    with pytest.raises(HostUnreachable, match=r"10\.0\.0\.11:6443.*through the bastion"):
        async with around.connector.reach_endpoint(Endpoint("10.0.0.11", 6443), gone):
            pass
