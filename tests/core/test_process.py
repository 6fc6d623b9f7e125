from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import pytest

from kbootstrap.core.errors import DeadlinePassed, KbootstrapError, PrerequisiteMissing
from kbootstrap.core.process import LocalRunner

RUNNER = LocalRunner()


async def test_lines_come_as_they_are_said() -> None:
    seen: list[str] = []
    done = await RUNNER.run(
        ["sh", "-c", "echo one; echo two; echo bad >&2"], deadline=10, on_line=seen.append
    )
    assert seen == ["one", "two"]
    assert (done.status, done.stdout, done.stderr) == (0, "one\ntwo\n", "bad\n")


async def test_stdin_reaches_the_process() -> None:
    done = await RUNNER.run(["cat"], deadline=10, stdin=b"hello")
    assert done.stdout == "hello"


async def test_a_failure_carries_the_tail() -> None:
    with pytest.raises(KbootstrapError, match="exit status 3") as caught:
        await RUNNER.run(["sh", "-c", "echo why >&2; exit 3"], deadline=10)
    assert caught.value.detail == "why"


async def test_check_false_returns_the_status() -> None:
    assert (await RUNNER.run(["false"], deadline=10, check=False)).status == 1


@pytest.mark.parametrize("name", ["/nonexistent/tool", "no-such-tool-anywhere"])
async def test_a_missing_program_is_a_prerequisite(name: str) -> None:
    with pytest.raises(PrerequisiteMissing, match="not on this machine"):
        await RUNNER.run([name], deadline=10)


async def test_the_deadline_ends_the_whole_group(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    with pytest.raises(DeadlinePassed):
        await RUNNER.run(["sh", "-c", f"sleep 600 & echo $! > {mark}; wait"], deadline=0.5, grace=0.5)
    child = int(mark.read_text())
    async with asyncio.timeout(60):
        while _lives(child):  # noqa: ASYNC110 - another process's end cannot be awaited
            await asyncio.sleep(0.05)


async def test_cancelling_interrupts_once_and_waits(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = (
        "import pathlib, signal, sys, time\n"
        "def stop(*_):\n"
        f"    pathlib.Path({str(mark)!r}).write_text('saved')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGINT, stop)\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    ready = asyncio.Event()
    task = asyncio.create_task(
        RUNNER.run([sys.executable, "-c", code], deadline=60, on_line=lambda _line: ready.set())
    )
    await ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert mark.read_text() == "saved"


def _lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().split()[2]
        return state != "Z"
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        return True
    return False
