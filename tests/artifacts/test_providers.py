"""OpenTofu's providers from their release archive, and the mirror that leads to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.artifacts.fetch import Patience
from kbootstrap.artifacts.providers import HOSTS, mirrored, obtain_provider
from kbootstrap.artifacts.source import machine, recipe
from kbootstrap.core.errors import KbootstrapError, PrerequisiteMissing

from .conftest import Ear, FakeRunner, ReleaseServer
from .test_opentofu import archive

WANTED = recipe.provider("openstack")
ARCH = machine.architecture()
REPOSITORY = "terraform-provider-openstack/terraform-provider-openstack"
NAME = f"terraform-provider-openstack_{WANTED.version}"


def publish(server: ReleaseServer, content: bytes) -> None:
    folder = f"/{REPOSITORY}/releases/download/v{WANTED.version}"
    server.publish(folder, f"{NAME}_SHA256SUMS", {f"{NAME}_linux_{ARCH}.zip": content})


async def get(cache: Path, server: ReleaseServer) -> Path:
    return await obtain_provider(
        "openstack",
        runner=FakeRunner(),
        emit=Ear(),
        folder=cache,
        env={},
        releases_url=server.url,
        patience=Patience(answer=60, stall=60),
    )


async def test_both_registries_lead_to_the_program(tmp_path: Path, server: ReleaseServer) -> None:
    publish(server, archive(**{WANTED.program: b"program", "README.md": b"text"}))
    assert mirrored(tmp_path, ["openstack"]) == ()
    folder = await get(tmp_path, server)
    for host in HOSTS:
        program = folder / host / WANTED.source / WANTED.version / f"linux_{ARCH}" / WANTED.program
        assert program.read_bytes() == b"program"
        assert program.stat().st_mode & 0o111
    assert mirrored(tmp_path, ["openstack", "other"]) == (WANTED,)
    server.asked.clear()
    await get(tmp_path, server)
    assert server.asked == []


async def test_a_mirror_whose_program_was_removed_is_none(tmp_path: Path, server: ReleaseServer) -> None:
    publish(server, archive(**{WANTED.program: b"program"}))
    await get(tmp_path, server)
    moved = tmp_path / "moved"
    tmp_path.joinpath("artifacts").rename(moved)
    assert mirrored(tmp_path, ["openstack"]) == ()


async def test_archive_that_is_none(tmp_path: Path, server: ReleaseServer) -> None:
    publish(server, archive(other=b"x"))
    with pytest.raises(KbootstrapError, match="is not the archive"):
        await get(tmp_path, server)


async def test_without_a_release_it_is_built(tmp_path: Path, server: ReleaseServer) -> None:
    with pytest.raises(PrerequisiteMissing, match="needs Go"):
        await get(tmp_path, server)
