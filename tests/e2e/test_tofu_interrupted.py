"""Real OpenTofu and real Terraform that are cancelled, stopped or killed, and two runs at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.core.errors import Interrupted, Locked, TofuFailed
from kbootstrap.core.events import Status
from kbootstrap.tofu.settle import STEP
from tests.e2e.lab import CHECKOUT, SHORT
from tests.e2e.tofu_place import Place


async def test_cancelling_keeps_the_state(place: Place) -> None:
    task = asyncio.create_task(place.apply(gate=str(place.gate)))
    await place.seen.wait_for("begin dev-web-1")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    place.gate.touch()
    tofu = await place.tofu()
    assert "module.pool_web.terraform_data.first" in (await tofu.state()).by_address
    await place.apply()
    assert (await tofu.plan(place.planfile)).empty


async def test_another_process_stops_it(place: Place) -> None:
    task = asyncio.create_task(place.apply(gate=str(place.gate)))
    await place.seen.wait_for("begin dev-web-1")
    os.kill(process_in(place.root), signal.SIGINT)
    with pytest.raises(Interrupted):
        await task
    place.gate.touch()
    assert "module.pool_web.terraform_data.first" in (await (await place.tofu()).state()).by_address


async def test_a_killed_run_does_not_block_the_next(place: Place) -> None:
    task = asyncio.create_task(place.apply(gate=str(place.gate)))
    await place.seen.wait_for("begin dev-web-1")
    os.kill(process_in(place.root), signal.SIGKILL)
    place.gate.touch()
    with pytest.raises(TofuFailed, match="status -9"):
        await task
    tofu = await place.apply()
    assert "module.pool_web.terraform_data.first" in (await tofu.state()).by_address
    assert (await tofu.plan(place.planfile)).empty


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.e2e.tofu_place import Place

place = Place(Path(sys.argv[1]), sys.argv[2])
asyncio.run(place.apply(gate=str(place.gate)))
"""


async def test_tofu_finishes_when_kbootstrap_is_killed(place: Place, tool: str) -> None:
    command = [sys.executable, "-c", KILLED, str(place.folder), tool]
    killed = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT)
    log = place.root / ".terraform" / "kbootstrap-apply.log"
    async with asyncio.timeout(SHORT):
        while not log.exists() or "begin dev-web-1" not in log.read_text():  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.05)
    killed.kill()
    await killed.wait()
    tofu = await place.tofu()
    state = asyncio.create_task(tofu.state())
    await place.seen.wait_for(STEP)
    place.gate.touch()
    assert (await state).outputs["kbootstrap"] == {"a": 1, "image": "", "nodes": {}}
    assert (await tofu.plan(place.planfile)).empty
    assert [e.status for e in place.seen.events if e.step == STEP] == [Status.WAITING, Status.DONE]


async def test_two_runs_at_once(place: Place) -> None:
    task = asyncio.create_task(place.apply(gate=str(place.gate)))
    await place.seen.wait_for("begin dev-web-1")
    with pytest.raises(Locked) as caught:
        await replace(await place.tofu(), lock_wait=1).plan(place.folder / "other")
    assert "Who:" in caught.value.diagnostics[0].reason
    assert not (place.folder / "other").exists()
    place.gate.touch()
    await task


def process_in(root: Path) -> int:
    """Return the process that applies in `root`."""
    for entry in Path("/proc").iterdir():
        try:
            argv = (entry / "cmdline").read_bytes().split(b"\0")
            if argv[1:2] == [b"apply"] and (entry / "cwd").resolve() == root:
                return int(entry.name)
        except (OSError, ValueError):
            continue
    raise AssertionError(f"nothing applies in {root}")
