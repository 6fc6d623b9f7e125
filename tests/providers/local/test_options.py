from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.providers.local import options as module
from kbootstrap.providers.local.capabilities import NAMES, available
from kbootstrap.providers.local.options import options
from tests.providers.local.fake import Answer, FakeRunner, context, engine

CAPS = "runc create failed: unable to apply caps: operation not permitted"
LIMIT = "crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted: OCI permission denied"
HYBRID = "crun: cgroups in hybrid mode not supported, drop all controllers from cgroupv2"
Refusal = Callable[[tuple[str, ...]], str | tuple[int, str]]


def refusing(*rules: tuple[str, str]) -> Refusal:
    """Refuse with the words of the first rule whose option is missing (`+x`) or there (`-x`)."""

    def run(call: tuple[str, ...]) -> str | tuple[int, str]:
        for rule, words in rules:
            there = any(option.startswith(rule[1:]) for option in call)
            if there == (rule[0] == "-"):
                return (126, words)
        return "id"

    return run


def runner(command: str, run: Refusal) -> FakeRunner:
    return FakeRunner({f"{command} run": run, f"{command} exec": "active\n"})


async def test_privileged_is_enough_where_it_is_allowed(tmp_path: Path) -> None:
    found = await options(engine(), "image", context(runner("docker", refusing()), tmp_path))
    assert found.every == ()
    assert found.node[-1] == "--privileged"


async def test_capabilities_are_spelt_out_where_privileged_is_refused(tmp_path: Path) -> None:
    fake = runner("docker", refusing(("---privileged", CAPS)))
    found = await options(engine(remote=True), "image", context(fake, tmp_path))
    assert "--privileged" not in found.node
    assert {f"--cap-add={name}" for name in NAMES} <= set(found.node)
    assert "--security-opt=systempaths=unconfined" in found.node


async def test_each_refusal_of_podman_adds_its_remedy(tmp_path: Path) -> None:
    run = refusing(("+--ulimit=nofile", LIMIT), ("+--runtime=runc", HYBRID), ("---privileged", CAPS))
    found = await options(engine("podman"), "image", context(runner("podman", run), tmp_path))
    assert found.every[-1] == "--runtime=runc"
    assert found.every[0].startswith("--ulimit=nofile=")
    assert "--security-opt=unmask=ALL" in found.node
    assert "--systemd=false" in found.node


async def test_the_answer_is_remembered(tmp_path: Path) -> None:
    fake = runner("docker", refusing(("---privileged", CAPS)))
    here = context(fake, tmp_path)
    first = await options(engine(), "image", here)
    calls = len(fake.calls)
    assert await options(engine(), "image", here) == first
    assert len(fake.calls) == calls


async def test_trying_leaves_no_container(tmp_path: Path) -> None:
    fake = runner("docker", refusing(("---privileged", CAPS)))
    await options(engine(), "image", context(fake, tmp_path))
    assert len(fake.said("docker rm --force --volumes kbootstrap-try-")) == len(fake.said("docker run")) == 2


async def test_a_container_that_stops_at_once_is_a_refusal(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "docker exec": (1, "Error: Container x is not running"),
        "docker logs": "Failed to mount cgroup",
    }
    with pytest.raises(PrerequisiteMissing) as caught:
        await options(engine(), "image", context(FakeRunner(answers), tmp_path))
    assert caught.value.code == "KB0605"
    assert caught.value.detail == "Failed to mount cgroup"


async def test_a_broken_memory_is_tried_again(tmp_path: Path) -> None:
    here = context(runner("docker", refusing()), tmp_path)
    await options(engine(), "image", here)
    for path in (here.cache / "local").glob("options-*.json"):
        path.write_text("[]")
    assert (await options(engine(), "image", here)).node[-1] == "--privileged"


def test_capabilities_of_this_process() -> None:
    assert set(available(elsewhere=False)) <= set(NAMES)
    assert len(NAMES) == 38


def test_limits_are_those_of_this_process() -> None:
    nofile, nproc = module._limits()
    assert nofile.startswith("--ulimit=nofile=")
    assert nproc.startswith("--ulimit=nproc=")
