from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kbootstrap.core.process import LocalRunner
from kbootstrap.tofu.follow import followed, redirected


async def test_lines_come_while_the_program_runs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    lines: list[str] = []
    seen = asyncio.Event()

    def line(text: str) -> None:
        lines.append(text)
        seen.set()

    script = f"echo one; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; echo two >&2; printf 'thr\\377ee'"
    async with followed(out, line):
        running = asyncio.create_task(LocalRunner().run(redirected(["sh", "-c", script], out), deadline=20))
        await seen.wait()
        assert lines == ["one"]
        assert out.stat().st_mode & 0o777 == 0o600
        (tmp_path / "go").touch()
        assert (await running).status == 0
    assert lines == ["one", "two", "thr\N{REPLACEMENT CHARACTER}ee"]
    assert not out.exists()


async def test_the_rest_is_read_when_something_fails(tmp_path: Path) -> None:
    out = tmp_path / "out"
    lines: list[str] = []

    async def fail() -> None:
        async with followed(out, lines.append):
            out.write_text("last\n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert lines == ["last"]
    assert not out.exists()


async def test_an_interrupt_waits_for_the_program(tmp_path: Path) -> None:
    """The shell around it must not end first: its end would be taken for the program's."""
    saving = f"trap 'sleep 0.5; touch {tmp_path}/saved; exit 0' INT"
    script = f"{saving}; touch {tmp_path}/up; while :; do sleep 0.05; done"
    command = redirected(["sh", "-c", script], tmp_path / "out")
    running = asyncio.create_task(LocalRunner().run(command, deadline=20, grace=10))
    async with asyncio.timeout(10):
        while not (tmp_path / "up").exists():  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (tmp_path / "saved").exists()
