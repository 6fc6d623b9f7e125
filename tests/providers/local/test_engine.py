from __future__ import annotations

import json
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
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
async def test_who_chooses(tmp_path: Path, setting: str | None, env: dict[str, str], wanted: str) -> None:
    assert (await detect(setting, context(FakeRunner(BOTH), tmp_path, env))).command == wanted


async def test_a_cluster_stays_with_its_engine(tmp_path: Path) -> None:
    here = context(FakeRunner(BOTH), tmp_path)
    remember(await detect("podman", here), here.space)
    assert (await detect(None, here)).command == "podman"


async def test_a_cluster_does_not_move_when_its_engine_is_down(tmp_path: Path) -> None:
    here = context(FakeRunner({**BOTH, "docker info": json.dumps(DOWN)}), tmp_path)
    here.space.run.mkdir(parents=True)
    (here.space.run / "engine").write_text("docker\n")
    with pytest.raises(PrerequisiteMissing, match="docker is installed, but does not answer"):
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
