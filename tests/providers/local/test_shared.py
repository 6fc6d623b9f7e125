"""Artifacts that are unpacked once for the nodes of an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbootstrap.artifacts.cache import Kept
from kbootstrap.core.events import Event, Status
from kbootstrap.distros.common import SHARED
from kbootstrap.providers.local import shared
from kbootstrap.providers.local.mount import READ_ONLY
from kbootstrap.providers.local.options import Options
from tests.providers.local.fake import Answer, FakeRunner, context, engine

OPTIONS = Options((), (READ_ONLY, "--privileged"))
VOLUME: dict[str, Answer] = {"docker volume inspect": "2026-11-29T01:00:00Z\n"}
UNPACK = "docker start --attach kbootstrap-unpack-"
SCRIPT = "true"


def kept(digest: str = "a") -> Kept:
    return Kept(Path("/cache"), "mirror", "now", {"k3s": digest * 64, "images.tar.zst": "b" * 64})


async def provide(
    runner: FakeRunner, folder: Path, files: Kept | None = None, script: str = SCRIPT
) -> list[Event]:
    events: list[Event] = []
    here = context(runner, folder, events=events)
    await shared.provide(engine(), OPTIONS, files or kept(), script, here)
    return events


async def test_they_are_unpacked_once(tmp_path: Path) -> None:
    runner = FakeRunner(VOLUME)
    events = await provide(runner, tmp_path)
    assert [event.status for event in events] == [Status.STARTED, Status.DONE]
    (created,) = runner.said("docker create")
    assert f"--volume=kbootstrap-shared:{SHARED} --privileged" in created
    assert f"{'b' * 64} images.tar.zst\n{'a' * 64} k3s\n" in created
    assert len(runner.said("docker cp /cache/")) == 2
    assert len(runner.said(UNPACK)) == 1
    assert runner.said("docker rm --force --volumes kbootstrap-unpack-")
    again = FakeRunner(VOLUME)
    assert await provide(again, tmp_path) == []
    assert len(again.calls) == 1


@pytest.mark.parametrize("changed", ["volume", "files", "script"])
async def test_a_change_unpacks_them_again(tmp_path: Path, changed: str) -> None:
    await provide(FakeRunner(VOLUME), tmp_path)
    volume: dict[str, Answer] = {"docker volume inspect": "2027-01-01T00:00:00Z\n"}
    runner = FakeRunner(volume if changed == "volume" else VOLUME)
    await provide(
        runner,
        tmp_path,
        kept("c") if changed == "files" else None,
        "false" if changed == "script" else SCRIPT,
    )
    assert runner.said(UNPACK)
    back = FakeRunner(VOLUME)
    await provide(back, tmp_path)
    assert bool(back.said(UNPACK)) is (changed == "volume")


async def test_nothing_happens_where_no_node_has_the_volume(tmp_path: Path) -> None:
    runner = FakeRunner({"docker volume inspect": (1, "no such volume")})
    assert await provide(runner, tmp_path) == []
    assert len(runner.calls) == 1
    assert await provide(FakeRunner(VOLUME), tmp_path, script="") == []


@pytest.mark.parametrize(
    ("command", "why"),
    [("docker create", "no space left"), ("docker cp", "docker failed"), (UNPACK, "no space left")],
)
async def test_a_failure_is_reported_and_tried_again(tmp_path: Path, command: str, why: str) -> None:
    runner = FakeRunner({**VOLUME, command: (1, "no space left")})
    events = await provide(runner, tmp_path)
    assert events[-1].status is Status.SKIPPED
    assert events[-1].detail == f"nodes receive the files instead: {why}"
    assert runner.said("docker rm --force --volumes kbootstrap-unpack-")
    again = FakeRunner(VOLUME)
    await provide(again, tmp_path)
    assert again.said(UNPACK)


async def test_containers_of_killed_runs_are_removed(tmp_path: Path) -> None:
    runner = FakeRunner({**VOLUME, "docker ps --all --quiet --filter label=kbootstrap.unpack": "one\ntwo\n"})
    await provide(runner, tmp_path)
    assert runner.said("docker rm --volumes one two")


async def test_an_unused_volume_with_many_versions_is_removed(tmp_path: Path) -> None:
    for digest in "acd":
        runner = FakeRunner(VOLUME)
        await shared.tidy(engine(), context(runner, tmp_path))
        assert not runner.said("docker volume rm")
        await provide(FakeRunner(VOLUME), tmp_path, kept(digest))
    await shared.tidy(engine(), context(runner, tmp_path))
    assert runner.said("docker volume rm kbootstrap-shared")
