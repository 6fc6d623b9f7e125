from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.process import LocalRunner
from kbootstrap.providers.local.engine import detect, remember
from tests.providers.local.fake import DOCKER, PODMAN, FakeRunner, context

DOWN = {"ServerErrors": ["Cannot connect to the Docker daemon at unix:///var/run/docker.sock."]}
DENIED = {"ServerErrors": ["permission denied while trying to connect to the Docker daemon socket"]}
BOTH = {"docker info": json.dumps(DOCKER), "podman info": json.dumps(PODMAN)}


async def test_docker_comes_first(tmp_path: Path) -> None:
    found = await detect(None, context(FakeRunner(BOTH), tmp_path))
    assert (found.command, found.version, found.cgroup, found.rootless) == ("docker", "27.1.0", 2, False)


async def test_podman_when_docker_does_not_answer(tmp_path: Path) -> None:
    runner = FakeRunner({**BOTH, "docker info": json.dumps(DOWN)})
    found = await detect("auto", context(runner, tmp_path))
    assert (found.command, found.cgroup, found.rootless) == ("podman", 1, True)
    assert str(found) == "podman 4.3.1 (rootless)"


@pytest.mark.parametrize(
    ("setting", "env", "wanted"),
    [
        ("podman", {"KBOOTSTRAP_ENGINE": "docker"}, "podman"),
        (None, {"KBOOTSTRAP_ENGINE": "podman"}, "podman"),
    ],
)
async def test_the_choice_of_the_engine(
    tmp_path: Path, setting: str | None, env: dict[str, str], wanted: str
) -> None:
    assert (await detect(setting, context(FakeRunner(BOTH), tmp_path, env))).command == wanted


async def test_a_cluster_stays_with_its_engine(tmp_path: Path) -> None:
    here = context(FakeRunner(BOTH), tmp_path)
    remember(await detect("podman", here), here.space)
    assert (await detect(None, here)).command == "podman"


async def test_a_cluster_does_not_move_when_its_engine_is_down(tmp_path: Path) -> None:
    here = context(FakeRunner({**BOTH, "docker info": json.dumps(DOWN)}), tmp_path)
    here.space.run.mkdir(parents=True)
    (here.space.run / "engine").write_text("docker\n")
    with pytest.raises(PrerequisiteMissing, match="docker is installed, but does not respond"):
        await detect(None, here)


@pytest.mark.parametrize(
    ("answers", "programs", "code", "words"),
    [
        ({}, (), "KB0601", "neither docker nor podman"),
        ({"docker info": json.dumps(DOWN)}, ("docker",), "KB0602", "systemctl start docker"),
        ({"docker info": json.dumps(DENIED)}, ("docker",), "KB0603", "usermod -aG docker"),
        ({"docker info": (1, "permission denied while trying")}, ("docker",), "KB0603", "log in again"),
        ({"podman info": (125, "cannot connect to Podman socket")}, ("podman",), "KB0602", "machine start"),
    ],
)
async def test_what_is_missing_is_said(
    tmp_path: Path, answers: dict[str, str], programs: tuple[str, ...], code: str, words: str
) -> None:
    with pytest.raises(PrerequisiteMissing) as caught:
        await detect(None, context(FakeRunner(answers, programs), tmp_path))
    assert caught.value.code == code
    assert caught.value.exit_code == 5
    assert words in f"{caught.value.message} {caught.value.hint}"


async def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteMissing, match="'lxc'"):
        await detect(None, context(FakeRunner(BOTH), tmp_path, {"KBOOTSTRAP_ENGINE": "lxc"}))


async def test_docker_desktop_runs_elsewhere(tmp_path: Path) -> None:
    runner = FakeRunner({"docker info": json.dumps({**DOCKER, "OperatingSystem": "Docker Desktop"})})
    assert (await detect(None, context(runner, tmp_path))).remote


@pytest.mark.parametrize(
    "first",
    [
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xff\xff" + bytes(80),
        b"#!/no/interpreter\n",
        b"#!/bin/sh\necho []\n",
    ],
    ids=["another processor", "no interpreter", "another program"],
)
async def test_a_program_that_is_not_the_engine_is_passed_over(tmp_path: Path, first: bytes) -> None:
    """The next one of its name is used, also by OpenTofu's provisioners, then the other engine."""
    places = [tmp_path / "one" / "docker", tmp_path / "two" / "docker", tmp_path / "two" / "podman"]
    for place, content in zip(places, (first, answer(DOCKER), answer(PODMAN)), strict=True):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o755)
    path = f"{tmp_path / 'one'}:{tmp_path / 'two'}"
    here = replace(context(FakeRunner({}), tmp_path), runner=LocalRunner({"PATH": path}))
    found = await detect(None, here)
    assert (found.command, found.program) == ("docker", str(places[1]))
    places[1].unlink()
    assert await detect(None, here) == found, "it was asked in this run"
    here = replace(here, answers={})
    found = await detect(None, here)
    assert (found.command, found.program) == ("podman", "podman")
    with pytest.raises(PrerequisiteMissing) as caught:
        await detect("docker", here)
    assert caught.value.code in {"KB0601", "KB0602"}


def answer(info: object) -> bytes:
    return f"#!/bin/sh\n/bin/cat <<'END'\n{json.dumps(info)}\nEND\n".encode()
