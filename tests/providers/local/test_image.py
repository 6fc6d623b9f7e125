from __future__ import annotations

import os
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.events import Event
from kbootstrap.providers.local import image, rootfs
from tests.providers.local.fake import Answer, FakeRunner, context, engine

NAME = image.image_name()
MISSING: dict[str, Answer] = {"docker image inspect": (1, "No such image")}


def test_the_name_follows_from_the_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert image.image_name() == NAME
    (tmp_path / "packages").write_text("sudo\n")
    monkeypatch.setattr(image, "NODE", tmp_path)
    assert image.image_name() != NAME


def test_programs_are_programs() -> None:
    modes = {name: mode for name, (_, mode) in image.sources().items()}
    assert modes["overlay/usr/local/bin/crun"] == 0o755
    assert modes["overlay/etc/sudoers.d/kbootstrap"] == 0o644


async def test_an_image_that_is_there_is_used(tmp_path: Path) -> None:
    runner = FakeRunner({})
    assert await image.ensure(engine(), context(runner, tmp_path)) == NAME
    assert len(runner.calls) == 1


async def test_the_dockerfile_comes_first(tmp_path: Path) -> None:
    runner, events = FakeRunner(MISSING), list[Event]()
    await image.ensure(engine(), context(runner, tmp_path, events=events))
    assert runner.said("docker pull")
    assert runner.said(f"docker build --tag {NAME}")
    assert not runner.said("mmdebstrap")
    assert [event.status for event in events if event.step == "node image"][-1] == "done"


async def test_without_a_registry_packages_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def mmdebstrap(call: tuple[str, ...]) -> str:
        next(Path(part) for part in call if part.endswith(".part.tar")).write_bytes(b"rootfs")
        return ""

    answers: dict[str, Answer] = {**MISSING, "docker pull": (1, "no such host"), "mmdebstrap": mmdebstrap}
    runner = FakeRunner(answers, ("docker", "mmdebstrap"))
    here = context(runner, tmp_path)
    await image.ensure(engine(), here)
    kept = rootfs.kept(NAME, here.cache)
    assert kept
    assert runner.said("docker import")[0].endswith(f"{kept} {NAME}")
    # Another engine imports what is kept, and neither pulls nor builds.
    again = FakeRunner({"podman image inspect": (1, "")}, ("podman", "mmdebstrap"))
    await image.ensure(engine("podman"), context(again, tmp_path))
    assert again.said("podman import")
    assert not again.said("podman pull")
    kept.write_bytes(b"broken")
    assert rootfs.kept(NAME, here.cache) is None


@pytest.mark.parametrize(
    ("programs", "user", "words"),
    [(("docker",), 0, "mmdebstrap is not installed"), (("docker", "mmdebstrap"), 1000, "needs root")],
)
async def test_where_no_way_is_open_both_reasons_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: tuple[str, ...], user: int, words: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    runner = FakeRunner({**MISSING, "docker pull": (1, "no such host")}, programs)
    with pytest.raises(PrerequisiteMissing, match=words) as caught:
        await image.ensure(engine(), context(runner, tmp_path))
    assert (caught.value.code, caught.value.detail) == ("KB0604", "no such host")


async def test_a_failed_build_leaves_nothing_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    answers: dict[str, Answer] = {**MISSING, "docker pull": (1, "x"), "mmdebstrap": (1, "E: no space left")}
    here = context(FakeRunner(answers, ("docker", "mmdebstrap")), tmp_path)
    with pytest.raises(PrerequisiteMissing) as caught:
        await image.ensure(engine(), here)
    assert caught.value.detail == "E: no space left"
    assert not list((here.cache / "local").glob("node-*"))


async def test_older_images_are_removed(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {**MISSING, "docker image ls": f"kbootstrap-node:old\n{NAME}\n"}
    runner = FakeRunner(answers)
    await image.ensure(engine(), context(runner, tmp_path))
    assert runner.said("docker image rm") == ["docker image rm kbootstrap-node:old"]
