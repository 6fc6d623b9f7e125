from __future__ import annotations

import json
import platform
from pathlib import Path

from kbootstrap.providers.local.checks import check
from kbootstrap.providers.model import Check
from tests.providers.local.fake import DOCKER, Answer, FakeRunner, context, spec


async def look(
    folder: Path, answers: dict[str, Answer], programs: tuple[str, ...] = ("docker",)
) -> dict[str, Check]:
    found = await check(context(FakeRunner(answers, programs), folder))
    return {line.name: line for line in found}


async def test_a_good_machine(tmp_path: Path) -> None:
    lines = await look(tmp_path, {"docker info": json.dumps(DOCKER)})
    assert lines["container engine"].found == "docker 27.1.0, cgroup v2"
    assert lines["node image"].ok
    assert lines["memory"].ok
    assert all(line.ok is not False for line in lines.values())


async def test_no_engine_is_one_bad_line(tmp_path: Path) -> None:
    lines = await look(tmp_path, {}, ())
    assert list(lines) == ["container engine"]
    assert lines["container engine"].ok is False
    assert "install" in lines["container engine"].help


async def test_little_memory_is_a_warning(tmp_path: Path) -> None:
    lines = await look(tmp_path, {"docker info": json.dumps({**DOCKER, "MemTotal": 1024**3})})
    assert lines["memory"].ok is None
    assert lines["memory"].help


async def test_an_image_that_is_not_there_is_announced(tmp_path: Path) -> None:
    lines = await look(tmp_path, {"docker info": json.dumps(DOCKER), "docker image": (1, "none")})
    assert lines["node image"].ok is None


async def test_flavors_must_fit_this_machine(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {"docker info": json.dumps(DOCKER | {"Name": platform.node()})}
    assert "flavors" not in await look(tmp_path, answers)
    spec(tmp_path, "", "{local: {flavors: {a: {cpus: 1, memory_gib: 16}}}}")
    assert (await look(tmp_path, answers))["flavors"].ok
    for size in ("{cpus: 1, memory_gib: 17}", "{cpus: 1024, memory_gib: 1}"):
        spec(tmp_path, "", f"{{local: {{flavors: {{a: {{cpus: 1, memory_gib: 1}}, b: {size}}}}}}}")
        line = (await look(tmp_path, answers))["flavors"]
        assert (line.ok, line.found.partition(":")[0]) == (False, "b")
