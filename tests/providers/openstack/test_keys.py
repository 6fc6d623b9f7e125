from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from kbootstrap.core.errors import CredentialsRefused
from kbootstrap.providers.cloud.operator_keys import authorized_keys
from tests.providers.contexts import of

from .cloud import KEY, openstack
from .conftest import provider_context


async def test_the_spec_names_keys(tmp_path: Path) -> None:
    spec = openstack(more=f"    ssh: {{authorized_keys: [{KEY}]}}\n")
    assert await authorized_keys(of(provider_context(tmp_path), spec), optional=False) == [KEY]


async def test_a_private_key_may_be_named_by_its_public_half(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "id.pub").write_bytes(key.export_public_key())
    spec = openstack(more=f"    ssh: {{private_key: {{file: {tmp_path}/id.pub}}}}\n")
    public = key.export_public_key().decode().strip()
    assert await authorized_keys(of(provider_context(tmp_path), spec), optional=False) == [public]


async def test_else_those_of_the_operator(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_bytes(key.export_private_key())
    public = key.export_public_key().decode().strip()
    assert await authorized_keys(provider_context(tmp_path), optional=False) == [public]


async def test_there_is_none(tmp_path: Path) -> None:
    context = provider_context(tmp_path)
    with pytest.raises(CredentialsRefused, match="no SSH key may log in") as caught:
        await authorized_keys(context, optional=False)
    assert (caught.value.code, caught.value.detail) == ("KB1108", "no SSH agent (SSH_AUTH_SOCK is not set)")
    assert await authorized_keys(context, optional=True) == []
    assert not context.space.run.exists()
