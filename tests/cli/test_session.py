"""Running a command: the question before changes, endings, event logs. The terminal is a real one (a pty)."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ASK = """
import sys
from kbootstrap.cli.session import run

async def work(session):
    session.must_ask("use -y")
    await session.ask("Sure?", wanted={wanted!r})
    session.changed = True
    print("went on")
    return 0

sys.exit(run(work))
"""


@contextmanager
def terminal(code: str, **env: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a program on a terminal; gives the process and the terminal's other end."""
    ours, theirs = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if k != "CI"} | {"TERM": "dumb", "NO_COLOR": "1"} | env
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=clean,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def until(end: int, text: str, seconds: float = 60) -> str:
    said, stop = "", time.monotonic() + seconds
    while text not in said and time.monotonic() < stop:
        try:
            said += os.read(end, 4096).decode()
        except OSError:
            break
    return said


@pytest.mark.parametrize(
    ("wanted", "answer", "code"),
    [
        (None, "yes", 0),
        (None, "y", 0),
        (None, "", 1),
        (None, "no", 1),
        ("prod", "prod", 0),
        ("prod", "yes", 1),
        ("prod", "prod ", 0),
    ],
)
def test_the_answer_decides(wanted: str | None, answer: str, code: int) -> None:
    with terminal(ASK.format(wanted=wanted)) as (process, end):
        assert "Sure?" in until(end, "Sure?")
        os.write(end, f"{answer}\n".encode())
        said = until(end, "went on" if code == 0 else "nothing was changed")
        assert process.wait(timeout=60) == code
        assert ("went on" in said) is (code == 0)


def test_ctrl_c_at_the_question() -> None:
    with terminal(ASK.format(wanted=None)) as (process, end):
        until(end, "Sure?")
        process.send_signal(signal.SIGINT)
        said = until(end, "nothing was changed")
        assert process.wait(timeout=60) == 130
        assert "interrupted" in said
        assert "Traceback" not in said


def test_the_terminal_went_away_at_the_question() -> None:
    with terminal(ASK.format(wanted=None)) as (process, end):
        until(end, "Sure?")
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=60) == 130


def test_there_is_no_prompt_in_ci() -> None:
    with terminal(ASK.format(wanted=None), CI="true") as (process, end):
        said = until(end, "nothing was changed")
        assert process.wait(timeout=60) == 1
        assert "-y" in said


WORK = """
import sys
from pathlib import Path
from kbootstrap.cli.session import run
from kbootstrap.core.errors import ClustersFailed, InstallFailed, Locked
from kbootstrap.core.events import Event, Type

async def work(session):
    session.runtime.redactor.add("hunter2hunter2")
    session.runtime.emit(Event(type=Type.LOG, node="n", detail="token hunter2hunter2"))
    {body}
    return 0

sys.exit(run(work, output=sys.argv[1], spec=Path("s.yaml"), logged=True, events=Path("beside.jsonl")))
"""


def program(body: str, folder: Path, output: str = "human") -> subprocess.CompletedProcess[str]:
    (folder / "s.yaml").touch()
    return subprocess.run(
        [sys.executable, "-c", WORK.format(body=body), output],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_the_log_has_every_event_and_no_secret(tmp_path: Path) -> None:
    assert program("pass", tmp_path).returncode == 0
    [log] = (tmp_path / ".kbootstrap" / "events").glob("events-*.jsonl")
    for text in (log.read_text(), (tmp_path / "beside.jsonl").read_text()):
        assert "hunter2" not in text
        last = json.loads(text.splitlines()[-1])
        assert (last["type"], last["status"]) == ("result", "done")


def test_a_failure_is_redacted_and_names_the_log(tmp_path: Path) -> None:
    body = "raise InstallFailed('bad hunter2hunter2', detail='see hunter2hunter2', host='n')"
    done = program(body, tmp_path)
    assert done.returncode == 8
    assert "hunter2" not in done.stderr + done.stdout
    assert "events-" in done.stderr


def test_failures_of_clusters_are_redacted_each(tmp_path: Path) -> None:
    failures = "{'a': InstallFailed('bad hunter2hunter2', hint='no hunter2hunter2'), 'b': Locked('held')}"
    body = f"raise ClustersFailed({failures}, 3, ['c'])"
    for output in ("human", "json"):
        done = program(body, tmp_path, output)
        assert done.returncode == 8
        assert "hunter2" not in done.stderr + done.stdout
    assert [one["cluster"] for one in json.loads(done.stderr)["failures"]] == ["a", "b"]
    assert json.loads(done.stdout.splitlines()[-1])["detail"] == "2 of 3 clusters failed: a, b"


def test_stdout_is_json_alone(tmp_path: Path) -> None:
    done = program("raise InstallFailed('bad')", tmp_path, "json")
    assert done.returncode == 8
    assert all(json.loads(line)["version"] == 1 for line in done.stdout.splitlines())
    assert json.loads(done.stderr)["exit_code"] == 8


def test_a_bug_ends_the_event_stream_too(tmp_path: Path) -> None:
    done = program("raise ZeroDivisionError", tmp_path, "json")
    assert done.returncode != 0
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["type"], last["status"]) == ("result", "failed")


def test_hints_name_the_spec() -> None:
    from kbootstrap.cli.session import _with_spec

    hint = "look there: kbootstrap ssh a-1 -- df -h"
    assert _with_spec(hint, Path("my dev.yaml")) == "look there: kbootstrap ssh 'my dev.yaml' a-1 -- df -h"
    assert _with_spec(hint, Path("spec.yaml")) == hint
    assert _with_spec(hint, None) == hint


SLOW = """
import asyncio, sys
from kbootstrap.cli.session import run

async def work(session):
    print("works", flush=True)
    try:
        await asyncio.sleep(600)
    finally:
        await asyncio.sleep(2.5)
        print("cleaned up", flush=True)
    return 0

sys.exit(run(work))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_is_clean_and_not_silent(number: signal.Signals) -> None:
    with terminal(SLOW) as (process, end):
        until(end, "works")
        process.send_signal(number)
        said = until(end, "interrupted")
        assert process.wait(timeout=60) == 130
        assert said.index("Stopping") < said.index("cleaned up") < said.index("interrupted")


def test_a_second_ctrl_c_ends_at_once() -> None:
    with terminal(SLOW.replace("2.5", "600")) as (process, end):
        until(end, "works")
        process.send_signal(signal.SIGINT)
        until(end, "Stopping")
        process.send_signal(signal.SIGINT)
        said = until(end, "interrupted")
        assert process.wait(timeout=60) == 130
        assert "Traceback" not in said
