from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.providers.local.keys import authorized_keys, identity
from tests.providers.local.fake import FakeRunner, context, spec


def test_a_key_is_generated_once_and_private(tmp_path: Path) -> None:
    here = context(FakeRunner({}), tmp_path)
    first = authorized_keys(here)
    assert first == authorized_keys(here)
    assert first[0].startswith("ssh-ed25519 ")
    assert identity(here) == here.space.private_key
    assert here.space.private_key.stat().st_mode & 0o777 == 0o600


def test_keys_of_the_spec(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "mine").write_bytes(key.export_private_key())
    (tmp_path / "team.pub").write_text("# the team\nssh-ed25519 AAAA anna\n\nssh-ed25519 BBBB ben\n")
    text = "    ssh: {private_key: {file: mine}, authorized_keys: [{file: team.pub}, {env: ROBOT}]}\n"
    spec(tmp_path, text)
    here = context(FakeRunner({}), tmp_path, {"ROBOT": "ssh-ed25519 CCCC robot"})
    assert identity(here) == tmp_path / "mine"
    assert authorized_keys(here) == [
        key.export_public_key().decode().strip(),
        "ssh-ed25519 AAAA anna",
        "ssh-ed25519 BBBB ben",
        "ssh-ed25519 CCCC robot",
    ]
    assert not here.space.private_key.exists()


def test_a_private_key_from_the_environment_is_a_secret(tmp_path: Path) -> None:
    text = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    spec(tmp_path, "    ssh: {private_key: {env: KEY}}\n")
    here = context(FakeRunner({}), tmp_path, {"KEY": text})
    path = identity(here)
    assert path.stat().st_mode & 0o777 == 0o600
    assert text.strip() not in here.redactor.clean(f"oops {text}")


@pytest.mark.parametrize("value", ["{file: missing}", "{env: MISSING}", "{file: spec.yaml}"])
def test_a_key_that_cannot_be_read_is_named(tmp_path: Path, value: str) -> None:
    spec(tmp_path, f"    ssh: {{private_key: {value}}}\n")
    with pytest.raises(CredentialsRefused) as caught:
        authorized_keys(context(FakeRunner({}), tmp_path))
    assert caught.value.code == "KB0609"


def test_home_is_that_of_the_environment(tmp_path: Path) -> None:
    spec(tmp_path, "    ssh: {private_key: {file: ~/.ssh/id}}\n")
    here = context(FakeRunner({}), tmp_path, {"HOME": "/home/anna"})
    assert identity(here) == Path("/home/anna/.ssh/id")
