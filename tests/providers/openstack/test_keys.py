from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.providers.openstack.keys import authorized_keys

from .cloud import KEY, openstack
from .conftest import surroundings


async def test_the_spec_names_keys(tmp_path: Path) -> None:
    cluster = openstack(more=f"    ssh: {{authorized_keys: [{KEY}]}}\n").clusters[0]
    assert await authorized_keys(cluster, surroundings(tmp_path)) == [KEY]


async def test_a_private_key_may_be_named_by_its_public_half(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "id.pub").write_bytes(key.export_public_key())
    cluster = openstack(more=f"    ssh: {{private_key: {{file: {tmp_path}/id.pub}}}}\n").clusters[0]
    public = key.export_public_key().decode().strip()
    assert await authorized_keys(cluster, surroundings(tmp_path)) == [public]


async def test_else_those_of_the_operator(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_bytes(key.export_private_key())
    public = key.export_public_key().decode().strip()
    assert await authorized_keys(openstack().clusters[0], surroundings(tmp_path)) == [public]


async def test_there_is_none(tmp_path: Path) -> None:
    around = surroundings(tmp_path)
    with pytest.raises(CredentialsRefused, match="no SSH key may log in") as caught:
        await authorized_keys(openstack().clusters[0], around)
    assert (caught.value.code, caught.value.detail) == ("KB1108", "no SSH agent (SSH_AUTH_SOCK is not set)")
    assert await authorized_keys(openstack("key_pair: team").clusters[0], around) == []
    assert not around.space.run.exists()
