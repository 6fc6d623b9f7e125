from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.hosts.command import ssh_argv
from kbootstrap.hosts.keys import Offer, offered
from kbootstrap.inventory.model import SshTarget
from tests.hosts.conftest import Around
from tests.hosts.sshd import Sshd, make_key


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    said = subprocess.run(
        ["ssh-agent", "-a", str(tmp_path / "agent")], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"SSH_AGENT_PID=(\d+)", said)
    assert found
    yield str(tmp_path / "agent")
    subprocess.run(["kill", found.group(1)], check=True)


def add(agent: str, key: Path, passphrase: str = "") -> None:
    asker = key.with_name("asker")
    asker.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
    asker.chmod(0o700)
    env = {
        "SSH_AUTH_SOCK": agent,
        "SSH_ASKPASS": str(asker),
        "SSH_ASKPASS_REQUIRE": "force",
        "PATH": "/usr/bin",
    }
    subprocess.run(["ssh-add", "-q", str(key)], env=env, check=True, capture_output=True)


async def gather(env: dict[str, str], *identities: Path) -> Offer:
    target = SshTarget("node", "10.0.0.1", 22, "root", identities)
    async with offered(target, name="node", env=env) as offer:
        return offer


async def test_named_keys_alone_are_offered(tmp_path: Path, agent: str) -> None:
    for name in ("one", "two"):
        make_key(tmp_path / name)
    add(agent, tmp_path / "two")
    offer = await gather({"SSH_AUTH_SOCK": agent, "HOME": str(tmp_path)}, tmp_path / "one")
    assert offer.tried == (str(tmp_path / "one"),)
    assert len(offer.pairs) == 1


async def test_agent_before_default_keys_each_once(tmp_path: Path, agent: str) -> None:
    (tmp_path / ".ssh").mkdir()
    make_key(tmp_path / ".ssh" / "id_ed25519")
    make_key(tmp_path / ".ssh" / "id_ecdsa", kind="ecdsa")
    make_key(tmp_path / ".ssh" / "id_rsa", kind="ed25519", passphrase="some words")
    add(agent, tmp_path / ".ssh" / "id_ed25519")
    offer = await gather({"SSH_AUTH_SOCK": agent, "HOME": str(tmp_path)})
    assert offer.tried == ("1 of the SSH agent", str(tmp_path / ".ssh" / "id_ecdsa"))
    assert offer.skipped == (f"{tmp_path}/.ssh/id_rsa: encrypted with a passphrase",)


async def test_nothing_to_offer(tmp_path: Path, agent: str) -> None:
    with pytest.raises(CredentialsRefused, match="there is no SSH key to log in to node with") as caught:
        await gather({"HOME": str(tmp_path)})
    assert caught.value.detail == "no SSH agent (SSH_AUTH_SOCK is not set)"
    with pytest.raises(CredentialsRefused) as caught:
        await gather({"HOME": str(tmp_path), "SSH_AUTH_SOCK": str(tmp_path / "nowhere")})
    assert "does not answer" in str(caught.value.detail)
    with pytest.raises(CredentialsRefused) as caught:
        await gather({"SSH_AUTH_SOCK": agent})
    assert caught.value.detail == "the SSH agent holds no key"


async def test_encrypted_key(tmp_path: Path, agent: str) -> None:
    key = tmp_path / "key"
    make_key(key, passphrase="some words")
    with pytest.raises(CredentialsRefused, match="needs a passphrase") as caught:
        await gather({"SSH_AUTH_SOCK": agent}, key)
    assert caught.value.hint == f"add it to the agent, then run again: ssh-add {key}"
    add(agent, key, "some words")
    offer = await gather({"SSH_AUTH_SOCK": agent}, key)
    assert offer.tried == (f"{key} (through the SSH agent)",)
    key.with_name("key.pub").unlink()
    assert len((await gather({"SSH_AUTH_SOCK": agent}, key)).pairs) == 1


@pytest.mark.parametrize("mode", [0o644, 0o600])
async def test_a_public_half_selects_the_key_of_the_agent(tmp_path: Path, agent: str, mode: int) -> None:
    for name in ("one", "two"):
        make_key(tmp_path / name)
        add(agent, tmp_path / name)
        (tmp_path / name).unlink()
    half = tmp_path / "two.pub"
    half.chmod(mode)
    offer = await gather({"SSH_AUTH_SOCK": agent}, half)
    assert offer.tried == (f"{half} (through the SSH agent)",)
    (pair,) = offer.pairs
    assert pair.get_comment() is not None
    assert asyncssh.read_public_key(half).public_data == pair.key_public_data


async def test_a_public_half_that_the_agent_does_not_hold(tmp_path: Path, agent: str) -> None:
    make_key(tmp_path / "key")
    for env in ({"SSH_AUTH_SOCK": agent}, {}):
        with pytest.raises(
            CredentialsRefused, match=r"key\.pub is a public key, and the SSH agent"
        ) as caught:
            await gather(env, tmp_path / "key.pub")
        assert caught.value.code == "KB0705"
        assert "ssh-add" in str(caught.value.hint)


async def test_a_login_with_a_public_half(sshd: Sshd, tmp_path: Path, agent: str) -> None:
    half = tmp_path / "id.pub"
    shutil.copy(sshd.folder / "user_key.pub", half)
    half.chmod(0o644)
    add(agent, sshd.folder / "user_key")
    around = Around(tmp_path, SSH_AUTH_SOCK=agent)
    machine = sshd.machine(identities=(half,))
    await (await around.connector.connect(machine, deadline=10)).close()
    argv = ssh_argv(machine.ssh, around.pins.path, ["echo", "in"])
    env = {"SSH_AUTH_SOCK": agent, "PATH": "/usr/bin:/bin"}
    done = await asyncio.to_thread(subprocess.run, argv, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("in\n", "")


async def test_keys_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(CredentialsRefused, match="absent for node cannot be used: no such file"):
        await gather({}, tmp_path / "absent")
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(CredentialsRefused, match="cannot be used: is a directory"):
        await gather({}, tmp_path / "folder")
    junk = tmp_path / "junk"
    junk.write_text("no key at all")
    junk.chmod(0o600)
    with pytest.raises(CredentialsRefused, match="not an SSH private key in a known format"):
        await gather({}, junk)
    open_to_all = tmp_path / "open"
    make_key(open_to_all)
    open_to_all.chmod(0o644)
    with pytest.raises(CredentialsRefused, match=r"may be read by others \(mode 0644\)") as caught:
        await gather({}, open_to_all)
    assert str(caught.value.hint).endswith(f"chmod 600 {open_to_all}")
    assert caught.value.code == "KB0705"
