from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from kbootstrap.core.errors import Locked
from kbootstrap.core.events import Event, Status
from kbootstrap.core.process import LocalRunner
from kbootstrap.tofu.follow import busy, redirected
from kbootstrap.tofu.settle import settled

HOLD = """
import fcntl, sys
state = open(sys.argv[1], "r+")
fcntl.lockf(state, fcntl.LOCK_EX)
print(flush=True)
input()
"""


async def test_it_waits_for_another_process(tmp_path: Path) -> None:
    events: list[Event] = []
    await settled(tmp_path, 5, "dev", events.append)
    (tmp_path / "terraform.tfstate").touch()
    await settled(tmp_path, 5, "dev", events.append)
    assert events == []

    pipe = asyncio.subprocess.PIPE
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(tmp_path / "terraform.tfstate"), stdin=pipe, stdout=pipe
    )
    assert holder.stdin
    assert holder.stdout
    await holder.stdout.readline()
    await settled(tmp_path, 0.1, "dev", events.append)
    assert [e.status for e in events] == [Status.WAITING, Status.FAILED]

    events.clear()
    waiting = asyncio.create_task(settled(tmp_path, 20, "dev", events.append))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    holder.stdin.write(b"\n")
    await waiting
    assert [e.status for e in events] == [Status.WAITING, Status.DONE]
    await holder.wait()


async def test_it_waits_for_a_run_whose_state_has_no_lock(tmp_path: Path) -> None:
    """What the program leaves running does not count as the run."""
    folder = tmp_path / ".terraform"
    folder.mkdir()
    script = (
        f"sleep 30 & echo $! > {tmp_path}/left; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; exit 3"
    )
    running = asyncio.create_task(
        LocalRunner().run(redirected(["sh", "-c", script], folder / "out"), deadline=20, check=False)
    )
    async with asyncio.timeout(10):
        while not busy(folder):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.02)
    events: list[Event] = []
    with pytest.raises(Locked):
        await settled(tmp_path, 0.1, "dev", events.append)
    assert [e.status for e in events] == [Status.WAITING, Status.FAILED]
    waiting = asyncio.create_task(settled(tmp_path, 20, "dev", events.append))
    (tmp_path / "go").touch()
    await waiting
    assert (await running).status == 3
    os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)
