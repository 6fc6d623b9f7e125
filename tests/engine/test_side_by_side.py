"""The clusters of a run side by side: order, bounds, failures, Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from kbootstrap.core.errors import ClustersFailed, HostUnreachable, InstallFailed, KbootstrapError
from kbootstrap.core.events import Event
from kbootstrap.core.process import LocalRunner
from kbootstrap.engine.side_by_side import Outcomes, side_by_side

from .clusters import context

ERROR = InstallFailed("broken")


async def give(name: str, seconds: float = 0.0) -> str:
    await asyncio.sleep(seconds)
    return name.upper()


async def fail(error: Exception) -> str:
    raise error


async def test_results_have_the_order_of_the_spec() -> None:
    late = {"a": 0.03, "b": 0.0, "c": 0.01}
    found = await side_by_side((context(name), partial(give, name, late[name])) for name in "abc")
    assert [*found.results.items()] == [("a", "A"), ("b", "B"), ("c", "C")]
    found.raise_failures()


async def test_failures_are_raised_together_when_the_others_are_done() -> None:
    broken, silent = InstallFailed("broken"), HostUnreachable("silent")
    found = await side_by_side(
        [
            (context("a"), partial(give, "a", 0.02)),
            (context("b"), partial(fail, broken)),
            (context("c"), partial(fail, silent)),
            (context("d"), partial(give, "d")),
        ]
    )
    with pytest.raises(ClustersFailed, match=r"^2 of 4 clusters failed: b, c$") as caught:
        found.raise_failures(done=True)
    assert caught.value.failures == {"b": broken, "c": silent}
    assert caught.value.done == ("a", "d")
    assert caught.value.exit_code == 8, "that of the first cluster of the spec"


async def test_a_failure_is_reported_while_the_others_continue() -> None:
    seen, told = list[Event](), asyncio.Event()

    def emit(event: Event) -> None:
        seen.append(event)
        told.set()

    async def slow() -> str:
        await told.wait()
        return "saw it"

    first, second = (context(name, emit=emit) for name in "ab")
    found = await side_by_side([(first, partial(slow)), (second, partial(fail, ERROR))])
    assert found.results == {"a": "saw it"}
    assert [(event.cluster, event.detail) for event in seen] == [("b", "failed: broken")]
    await side_by_side([(second, partial(fail, ERROR))])
    assert len(seen) == 1, "the only cluster's failure is shown at once, as the error"


async def test_before_anything_is_changed_no_cluster_is_done() -> None:
    found: Outcomes[str] = Outcomes({"a": "A"}, {"b": HostUnreachable("silent")})
    with pytest.raises(ClustersFailed) as caught:
        found.raise_failures()
    assert (caught.value.done, caught.value.exit_code) == ((), 7)


async def test_the_failure_of_the_only_cluster_is_raised_as_itself() -> None:
    error = InstallFailed("broken")
    found = await side_by_side([(context("a"), partial(fail, error))])
    with pytest.raises(InstallFailed) as caught:
        found.raise_failures(done=True)
    assert caught.value is error


async def test_a_bug_is_raised_when_the_others_have_ended() -> None:
    ended = []

    async def slow() -> str:
        await asyncio.sleep(0.02)
        ended.append("slow")
        return ""

    with pytest.raises(ZeroDivisionError):
        await side_by_side(
            [(context("a"), partial(fail, ZeroDivisionError())), (context("b"), partial(slow))]
        )
    assert ended == ["slow"]


@pytest.mark.parametrize(("processors", "here"), [(1, 1), (3, 3)])
async def test_each_infrastructure_has_its_bound(processors: int, here: int) -> None:
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def work(kind: str) -> None:
        running[kind] += 1
        most[kind] = max(most[kind], running[kind])
        await asyncio.sleep(0)
        running[kind] -= 1

    clusters = [context(f"c{n}", here=bool(n % 2), processors=processors) for n in range(30)]
    await side_by_side((one, partial(work, one.provider.name)) for one in clusters)
    assert most == {"here": here, "cloud": 8}


SAVES = """
import os, signal, sys, time
from pathlib import Path

signal.signal(signal.SIGINT, signal.default_int_handler)
place = Path(sys.argv[1])
try:
    place.with_suffix(".pid").write_text(str(os.getpid()))
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.2)
    place.with_suffix(".saved").write_text("saved")
"""


def contents(folder: Path, kind: str) -> list[str]:
    """Return the contents of the files with that suffix, once they are written."""
    return [text for path in folder.glob(f"*.{kind}") if (text := path.read_text().strip())]


async def test_ctrl_c_interrupts_the_processes_of_all_clusters(tmp_path: Path) -> None:
    """As OpenTofu: each process saves what it did, and only then the run ends."""
    runner = LocalRunner()

    async def process(name: str) -> None:
        argv = [sys.executable, "-c", SAVES, str(tmp_path / name)]
        await runner.run(argv, deadline=60, grace=30)

    run = asyncio.create_task(side_by_side((context(name), partial(process, name)) for name in "abc"))
    end = time.monotonic() + 60
    while len(contents(tmp_path, "pid")) < 3:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert contents(tmp_path, "saved") == ["saved"] * 3
    for pid in contents(tmp_path, "pid"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


async def test_a_failure_that_comes_with_ctrl_c_does_not_hide_it() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise KbootstrapError("stopped") from None

    run = asyncio.create_task(side_by_side([(context("a"), stubborn), (context("b"), stubborn)]))
    await asyncio.sleep(0.02)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
