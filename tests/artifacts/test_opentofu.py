"""OpenTofu from its release archive, and the link that the tofu room follows."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from kbootstrap.artifacts.fetch import Patience
from kbootstrap.artifacts.opentofu import obtain_tofu
from kbootstrap.artifacts.source import machine, recipe
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing

from .conftest import Ear, FakeRunner, ReleaseServer, left_behind

VERSION = recipe.tofu_version()
NAME = f"tofu_{VERSION}_linux_{machine.architecture()}.zip"
PATIENT = Patience(answer=60, stall=60)


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return stream.getvalue()


def publish(server: ReleaseServer, content: bytes) -> None:
    folder = f"/opentofu/opentofu/releases/download/v{VERSION}"
    server.publish(folder, f"tofu_{VERSION}_SHA256SUMS", {NAME: content})


async def get(cache: Path, server: ReleaseServer) -> Path:
    return await obtain_tofu(
        runner=FakeRunner(), emit=Ear(), folder=cache, env={}, releases_url=server.url, patience=PATIENT
    )


async def test_program_of_the_release_is_linked(tmp_path: Path, server: ReleaseServer) -> None:
    publish(server, archive(tofu=b"program", README=b"text"))
    link = await get(tmp_path, server)
    assert link == tmp_path / "bin" / "tofu"
    assert link.read_bytes() == b"program"
    assert os.access(link, os.X_OK)
    server.asked.clear()
    assert await get(tmp_path, server) == link
    assert server.asked == []


async def test_stale_link_is_replaced(tmp_path: Path, server: ReleaseServer) -> None:
    publish(server, archive(tofu=b"program"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tofu").symlink_to("/no/such/program")
    assert (await get(tmp_path, server)).read_bytes() == b"program"


@pytest.mark.parametrize("content", [b"not an archive", archive(other=b"x")])
async def test_archive_that_is_none(tmp_path: Path, server: ReleaseServer, content: bytes) -> None:
    publish(server, content)
    with pytest.raises(KbootstrapError, match="is not the archive") as caught:
        await get(tmp_path, server)
    assert caught.value.code == "KB0902"
    assert left_behind(tmp_path) == []


async def test_without_a_release_it_is_built(tmp_path: Path, server: ReleaseServer) -> None:
    with pytest.raises(PrerequisiteMissing, match="needs Go"):
        await get(tmp_path, server)
