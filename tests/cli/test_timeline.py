"""`apply --timeline`, and the critical path at the end of a run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from kbootstrap.cli.timeline import Recording
from kbootstrap.core.errors import WrongUsage
from kbootstrap.core.events import Event, Type
from tests.specs import SPECS
from tests.timeline.run import cluster

from .test_commands import run
from .test_session import terminal, until

WORK = """
import asyncio, sys
from pathlib import Path
from kbootstrap.cli.session import run
from kbootstrap.cli.timeline import Recording
from kbootstrap.core.errors import InstallFailed
from kbootstrap.core.events import Event, Status, Type, phase

async def work(session):
    emit = session.runtime.emit
    with phase(emit, "nodes", "dev"):
        emit(Event(type=Type.STEP, cluster="dev", node="dev-web-1", step="start k3s", status=Status.STARTED))
        await asyncio.sleep(0.2)
        {body}
    return 0

sys.exit(run(work, output=sys.argv[1], spec=Path("s.yaml"), logged=True, recording=Recording({file})))
"""
CHANGES = "session.begin()"


def program(
    folder: Path, body: str = CHANGES, output: str = "human", file: str = "Path('run.svg')"
) -> subprocess.CompletedProcess[str]:
    (folder / "s.yaml").touch()
    return subprocess.run(
        [sys.executable, "-c", WORK.format(body=body, file=file), output],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("name", ["run.png", "run", "run.svg.gz", ".svg"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "local.yaml").write_text((SPECS / "local.yaml").read_text())
    done = run("apply", "-y", "--timeline", name, "local.yaml", cwd=tmp_path)
    assert done.returncode == 64
    assert ".svg or .json" in " ".join(done.stderr.split())
    assert {path.name for path in tmp_path.iterdir()} == {"local.yaml"}


@pytest.mark.parametrize(("name", "said"), [("gone/run.svg", "no folder"), ("folder.svg", "folder.svg")])
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "local.yaml").write_text((SPECS / "local.yaml").read_text())
    (tmp_path / "folder.svg").mkdir()
    done = run("apply", "-y", "--timeline", name, "local.yaml", cwd=tmp_path)
    assert done.returncode == 64
    assert said in done.stderr
    assert not (tmp_path / ".kbootstrap").exists()


def test_the_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    Recording(tmp_path / "RUN.SVG")
    with pytest.raises(WrongUsage):
        Recording(tmp_path / "RUN.PDF")


@pytest.mark.parametrize("suffix", ["svg", "json"])
def test_a_failed_apply_leaves_its_timeline(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "local.yaml").write_text((SPECS / "local.yaml").read_text())
    words = ["apply", "-y", "--tofu", "/no/tofu", "--timeline", f"run.{suffix}", "local.yaml"]
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 5
    assert "Critical path" not in done.stderr
    text = (tmp_path / f"run.{suffix}").read_text()
    if suffix == "svg":
        assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own
    else:
        assert "traceEvents" in json.loads(text)


def test_a_run_ends_with_its_critical_path(tmp_path: Path) -> None:
    done = program(tmp_path)
    assert done.returncode == 0
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Critical path (")
    assert "dev-web-1: start k3s" in last
    assert "start k3s" in (tmp_path / "run.svg").read_text()


def test_programs_get_it_as_an_event(tmp_path: Path) -> None:
    done = program(tmp_path, output="json", file="None")
    *_, path, result = map(json.loads, done.stdout.splitlines())
    assert (path["type"], result["type"]) == ("critical_path", "result")
    [part] = [one for one in path["parts"] if "step" in one]
    assert 0.2 <= part.pop("seconds") <= path["seconds"]
    assert part == {"cluster": "dev", "node": "dev-web-1", "phase": "nodes", "step": "start k3s"}
    assert "Critical path" not in done.stdout + done.stderr


def test_a_run_that_changes_nothing_has_none(tmp_path: Path) -> None:
    done = program(tmp_path, body="pass")
    assert done.returncode == 0
    assert "Critical path" not in done.stderr
    assert (tmp_path / "run.svg").exists()


def test_a_failed_run_has_both(tmp_path: Path) -> None:
    done = program(tmp_path, body=f"{CHANGES}; raise InstallFailed('the disk is full')")
    assert done.returncode == 8
    assert done.stderr.index("Critical path") < done.stderr.index("the disk is full")
    assert "not finished" in (tmp_path / "run.svg").read_text()


def test_the_timeline_has_no_secret(tmp_path: Path) -> None:
    failed = "node='dev-web-1', step='start k3s', status=Status.FAILED, detail='token hunter2hunter2'"
    secret = "session.runtime.redactor.add('hunter2hunter2')"
    body = f"{secret}; emit(Event(type=Type.STEP, cluster='dev', {failed}))"
    assert program(tmp_path, body=body).returncode == 0
    text = (tmp_path / "run.svg").read_text()
    assert "token " in text
    assert "hunter2" not in text


def test_a_bug_leaves_the_timeline_too(tmp_path: Path) -> None:
    done = program(tmp_path, body="raise ZeroDivisionError")
    assert done.returncode == 1
    assert (tmp_path / "run.svg").exists()


def test_an_interrupted_run_leaves_its_timeline(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    body = f"{CHANGES}; print('works', flush=True); await asyncio.sleep(60)"
    code = WORK.format(body=body, file=f"Path({str(file)!r})").replace("sys.argv[1]", "'human'")
    code = code.replace("logged=True", "logged=False")
    with terminal(code) as (process, end):
        until(end, "works")
        process.send_signal(signal.SIGINT)
        said = until(end, "interrupted")
        assert process.wait(timeout=20) == 130
    assert "Critical path" in said
    found = [event for event in json.loads(file.read_text())["traceEvents"] if event["ph"] == "X"]
    assert {event["name"]: event["args"]["status"] for event in found} == {
        "nodes": "failed",
        "start k3s": "unfinished",
    }


@pytest.mark.parametrize(("body", "code"), [("", 0), ("; raise InstallFailed('the disk is full')", 8)])
def test_a_file_that_can_no_longer_be_written(tmp_path: Path, body: str, code: int) -> None:
    """The folder becomes a file during the run; the run keeps its own result."""
    (tmp_path / "sub").mkdir()
    lost = f"{CHANGES}; Path('sub').rmdir(); Path('sub').touch()"
    done = program(tmp_path, body=lost + body, file="Path('sub/run.svg')")
    assert done.returncode == code
    assert "the timeline is missing: cannot write sub/run.svg" in done.stderr
    assert "Critical path" in done.stderr
    assert ("the disk is full" in done.stderr) is (code == 8)


def test_a_bug_in_the_picture_does_not_hide_the_result(tmp_path: Path) -> None:
    def broken() -> datetime:
        raise ZeroDivisionError

    recording = Recording(tmp_path / "run.svg", now=broken)
    said: list[Event] = []
    for event in cluster():
        recording.on_event(event)
    recording.finish(said.append, changed=True)
    assert [event.type for event in said] == [Type.DIAGNOSTIC]
    assert "bug" in (said[0].detail or "")
