"""Who gets in: connections with bad certificates, and changed files while the server runs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from kbootstrap.autoscaler.certificates import renew
from kbootstrap.autoscaler.run import Running
from kbootstrap.autoscaler.tls import Files, read
from kbootstrap.core.errors import CredentialsRefused
from tests.autoscaler.served import NAME, World, page
from tests.autoscaler.wires import Client, refused, wire


def written(folder: Path, days_ago: int = 0) -> Path:
    """Write other certificates for the same names, as they were made some days ago."""
    folder.mkdir()
    for name, content in renew({}, [NAME], datetime.now(UTC) - timedelta(days=days_ago)).files.items():
        (folder / name).write_bytes(content)
    return folder


async def attempt(world: World, port: int, credentials: grpc.ChannelCredentials, host: str = NAME) -> str:
    """Return the status of a call with these credentials."""
    async with world.client(port, credentials=credentials, host=host) as client:
        try:
            await client.call("NodeGroups")
        except grpc.aio.AioRpcError as error:
            return refused(error)[0]
    return "OK"


async def test_only_a_certificate_of_the_authority_gets_in(
    world: World, server: Running, tmp_path: Path
) -> None:
    stranger = written(tmp_path / "stranger")
    authority = (world.pki / "ca.crt").read_bytes()
    others = [(stranger / name).read_bytes() for name in ("client.key", "client.crt")]
    assert await attempt(world, server.port, world.credentials()) == "OK"
    for credentials in (
        grpc.ssl_channel_credentials(authority),  # no certificate
        grpc.ssl_channel_credentials(authority, *others),  # of another authority
        world.credentials(side="server"),  # of this one, but for the other side
        world.credentials(stranger),  # trusts another server
    ):
        assert await attempt(world, server.port, credentials) == "UNAVAILABLE"
    assert world.cloud.calls.count("create") == 0
    assert await attempt(world, server.port, world.credentials()) == "OK"


async def test_plain_connections_do_not_get_in(server: Running) -> None:
    async with grpc.aio.insecure_channel(f"{NAME}:{server.port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await Client(wire("from 1.35"), channel).call("NodeGroups")
    assert refused(raised.value)[0] == "UNAVAILABLE"


async def test_the_name_of_the_server_is_verified(world: World, server: Running) -> None:
    """As Cluster Autoscaler does, by the host of its `address`: this certificate has only 127.0.0.1."""
    assert await attempt(world, server.port, world.credentials(), "localhost") == "UNAVAILABLE"


async def test_an_expired_client(world: World, server: Running, tmp_path: Path) -> None:
    """Of the right authority: only time has passed."""
    folder = written(tmp_path / "expired", days_ago=400)
    bundle = (folder / "ca.crt").read_bytes() + (world.pki / "ca.crt").read_bytes()
    (world.tls / "ca.crt").write_bytes(bundle)
    (folder / "ca.crt").write_bytes(bundle)
    assert await attempt(world, server.port, world.credentials(folder)) == "UNAVAILABLE"
    assert await attempt(world, server.port, world.credentials()) == "OK"


async def test_renewed_files_are_used_without_a_restart(world: World, server: Running) -> None:
    """An open connection goes on; a new one meets the new certificates, and the old authority is gone."""
    async with world.client(server.port) as before:
        await before.call("NodeGroups")
        old = world.credentials()
        for path in world.pki.iterdir():
            path.unlink()
        assert world.renew() == ("ca", "server", "client")
        await before.call("NodeGroups")
        assert await attempt(world, server.port, world.credentials()) == "OK"
        assert await attempt(world, server.port, old) == "UNAVAILABLE"
    text = (await page(server, "/metrics"))[1]
    (line,) = (one for one in text.splitlines() if one.startswith("kbootstrap_autoscaler_certificate_expiry"))
    expiry = float(line.split()[1])
    assert expiry == pytest.approx((datetime.now(UTC) + timedelta(days=365)).timestamp(), abs=3600)


async def test_broken_files_are_not_used(world: World, server: Running) -> None:
    (world.tls / "tls.key").write_text("half a ke", encoding="utf-8")
    for _ in range(2):
        assert await attempt(world, server.port, world.credentials()) == "OK"
    for _ in range(10_000):
        if any("CertificateInvalid" in line for line in world.log):
            break
        await asyncio.sleep(0.02)
    (line,) = (line for line in world.log if "CertificateInvalid" in line)
    assert "no certificate or key in PEM form" in line
    assert "half a ke" not in line


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("tls.crt", None, "cannot read"),
        ("tls.crt", b"x", "PEM form"),
        ("ca.crt", b"", "PEM form"),
        ("tls.key", "client.key", "is not the key of tls.crt"),
        ("ca.crt", "other", "was not issued by an authority in ca.crt"),
    ],
)
def test_files_that_cannot_be_used(
    world: World, tmp_path: Path, name: str, content: bytes | str | None, problem: str
) -> None:
    path = world.tls / name
    if content is None:
        path.unlink()
    elif content == "other":
        path.write_bytes((written(tmp_path / "other") / "ca.crt").read_bytes())
    else:
        path.write_bytes((world.pki / content).read_bytes() if isinstance(content, str) else content)
    with pytest.raises(CredentialsRefused, match=problem) as raised:
        read(world.tls)
    assert raised.value.code == "KB1402"
    assert raised.value.exit_code == 4


def test_an_expired_server(tmp_path: Path) -> None:
    folder = written(tmp_path / "old", days_ago=400)
    for own, name in (("server.crt", "tls.crt"), ("server.key", "tls.key")):
        (folder / name).write_bytes((folder / own).read_bytes())
    with pytest.raises(CredentialsRefused, match="is valid from"):
        read(folder)


def test_unchanged_files_are_not_read_again(world: World) -> None:
    said: list[str] = []
    files = Files(world.tls, said.append)
    assert not files.reload()
    world.renew()
    assert files.reload()
    assert not files.reload()
    assert said == []
