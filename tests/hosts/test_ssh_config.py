from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.process import LocalRunner
from kbootstrap.hosts.command import ssh_argv
from kbootstrap.hosts.ssh_config import HostQuery, SshConfig, usual_files
from kbootstrap.inventory.model import Machine, SshTarget
from tests.hosts.conftest import Around, StartSshd
from tests.hosts.sshd import Sshd

CONFIG = """\
Include {folder}/more/*
Host metal-1
    HostName 192.168.7.1
    Port 2201
    User nobody
    IdentityFile {folder}/id
    ProxyJump ops@gate:2022,inner
Host inner
    HostName 10.9.9.9
    User inside
Host direct
    ProxyJump none
Host loop-a
    ProxyJump loop-b
Host loop-b
    ProxyJump loop-a
Match originalhost matched user root
    Port 2300
Match exec "test %h = by-program"
    Port 2301
Host tokens
    HostName %h.example.org
    IdentityFile {folder}/%h-%r
    ProxyCommand nc -X 5 %h %p '100%%'
    IdentityAgent {folder}/agent.sock
    IdentitiesOnly yes
    HostKeyAlias metal
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name in ("id", "tokens.example.org-root", "half.pub"):
        (tmp_path / name).write_text("")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "one").write_text(f"Host included\n  Port 2302\n  IdentityFile {tmp_path}/half\n")
    path = tmp_path / "config"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


def wanted(host: str, *, user: str = "root", port: int = 0, jump: SshTarget | None = None) -> HostQuery:
    return HostQuery("node", host, port, user, "root", jump=jump)


async def resolve(said: HostQuery, *files: Path) -> SshTarget:
    return await SshConfig(LocalRunner(), files, {"HOME": "/nowhere"}).target(said)


async def test_everything_that_is_taken_over(config: Path) -> None:
    gate = SshTarget("[gate]:2022", "gate", 2022, "ops")
    inner = SshTarget("inner", "10.9.9.9", 22, "inside", jump=gate)
    assert await resolve(wanted("metal-1"), config) == SshTarget(
        "node", "192.168.7.1", 2201, "root", (config.parent / "id",), inner, identities_only=False
    )
    assert (await resolve(wanted("metal-1", user=""), config)).user == "nobody"
    folder = config.parent
    assert await resolve(wanted("tokens"), config) == SshTarget(
        "node",
        "tokens.example.org",
        22,
        "root",
        (folder / "tokens.example.org-root",),
        proxy_command="nc -X 5 tokens.example.org 22 '100%'",
        agent=f"{folder}/agent.sock",
        known_as="metal",
    )


@pytest.mark.parametrize(
    ("host", "port"), [("matched", 2300), ("by-program", 2301), ("included", 2302), ("other", 22)]
)
async def test_sections(config: Path, host: str, port: int) -> None:
    for user in ("", "root"):  # root is also the default
        found = await resolve(wanted(host, user=user), config)
        assert (found.host, found.port, found.user) == (host, port, "root")
    assert (await resolve(wanted("included"), config)).identities == (config.parent / "half.pub",)


async def test_what_the_target_says_itself_is_kept(config: Path) -> None:
    jump = SshTarget("j", "j", 22, "root")
    own = HostQuery("node", "metal-1", 22222, "root", "root", (Path("/k"),), jump)
    resolved = await resolve(own, config)
    assert (resolved.port, resolved.identities, resolved.jump) == (22222, own.identities, own.jump)
    assert (await resolve(wanted("metal-1", port=22), config)).port == 22


@pytest.mark.parametrize("host", ["direct", "unknown", "10.0.0.1"])
async def test_hosts_without_settings(config: Path, host: str) -> None:
    found = await resolve(wanted(host), config.with_name("absent"), config)
    assert found == SshTarget("node", host, 22, "root")


async def test_no_files() -> None:
    assert await resolve(wanted("metal-1"), Path("/absent")) == SshTarget("node", "metal-1", 22, "root")
    assert usual_files({"HOME": "/h"}) == (Path("/h/.ssh/config"), Path("/etc/ssh/ssh_config"))


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a;touch b", "$(id)", "a b"])
async def test_names_that_a_shell_would_read_are_asked_nothing(tmp_path: Path, host: str) -> None:
    config = tmp_path / "config"
    await asyncio.to_thread(config.write_text, "Host *\n  Port 2222\n  ProxyCommand nc %h %p\n")
    assert await resolve(wanted(host), config) == SshTarget("node", host, 22, "root")


async def test_no_openssh(config: Path) -> None:
    found = await SshConfig(LocalRunner({"PATH": "/nowhere"}), [config], {}).target(wanted("metal-1"))
    assert found == SshTarget("node", "metal-1", 22, "root")


async def test_a_loop(config: Path) -> None:
    with pytest.raises(PrerequisiteMissing, match="more than 8 hosts"):
        await resolve(wanted("loop-a"), config)


async def test_a_damaged_file(config: Path) -> None:
    await asyncio.to_thread(config.write_text, "Host x\n  Port many\n")
    with pytest.raises(PrerequisiteMissing, match="cannot read your SSH configuration") as caught:
        await resolve(wanted("x"), config)
    assert "many" in str(caught.value.detail)
    assert caught.value.code == "KB0713"


async def test_what_ssh_reaches_is_reached(sshd: Sshd, start_sshd: StartSshd, tmp_path: Path) -> None:
    """Through an alias, a port, a bastion with a key of its own, and a command; OpenSSH is the judge."""
    bastion = start_sshd("bastion", user_key=sshd.folder / "user_key")
    config = tmp_path / "config"
    config.write_text(
        f"""\
Host alias
  HostName 127.0.0.1
  Port {sshd.port}
Host jumped
  HostName 127.0.0.1
  Port {sshd.port}
  ProxyJump gate
Host piped
  HostName 127.0.0.1
  Port {sshd.port}
  ProxyCommand ssh -F {config} gate -W '%h:%p'
Host gate
  HostName localhost
  Port {bastion.port}
Host *
  User root
  IdentityFile {sshd.folder}/user_key
  StrictHostKeyChecking no
  UserKnownHostsFile {tmp_path}/hosts
  LogLevel ERROR
"""
    )
    around = Around(tmp_path)
    for host in ("alias", "jumped", "piped"):
        judge = await _run(["ssh", "-F", str(config), host, "echo", "in"])
        assert judge.stdout == "in\n", judge.stderr
        target = await resolve(HostQuery(host, host, 0, "", "root"), config)
        machine = Machine(host, "10.0.0.1", target, "i")
        connected = await around.connector.connect(machine, deadline=15)
        assert (await connected.run("echo in", deadline=10)).stdout == "in\n"
        await connected.close()
        own = await _run(ssh_argv(target, around.pins.path, ["echo in"]))
        assert (own.stdout, own.stderr) == ("in\n", "")


async def _run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False)
