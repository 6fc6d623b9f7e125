"""Steps run once, in order, and an interrupted build goes on where it stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kbootstrap.artifacts.source.workshop import BuildStep, Made, Workshop, keys_of, reckon
from kbootstrap.core.errors import KbootstrapError
from kbootstrap.core.events import Status, Type
from tests.artifacts.conftest import Ear


class Bench:
    """Makes steps that write their name, and counts how often."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.broken = ""

    def step(self, name: str, *, inputs: tuple[str, ...] = (), needs: tuple[str, ...] = ()) -> BuildStep:
        async def make(made: Made, folder: Path) -> None:
            self.ran.append(name)
            (folder / "half").write_text("half")
            if name == self.broken:
                raise KbootstrapError("broken")
            parts = [name, *((made[need] / "file").read_text() for need in needs)]
            (folder / "file").write_text("+".join(parts))
            (folder / "half").unlink()

        return BuildStep(name, f"the {name}", 10, inputs, make, needs)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_steps_get_what_earlier_ones_made(tmp_path: Path, bench: Bench, ear: Ear) -> None:
    steps = [bench.step("a"), bench.step("b", needs=("a",))]
    made = await Workshop(tmp_path, ear, "it").run(steps)
    assert (made["b"] / "file").read_text() == "b+a"
    assert "2 of 2 steps to do, about 20 s" in ear.text
    assert "build the b (2 of 2)" in ear.text
    last = [event for event in ear.events if event.type is Type.PROGRESS][-1]
    assert (last.done, last.total, last.unit) == (20, 20, "seconds")


async def test_second_run_makes_nothing(tmp_path: Path, bench: Bench, ear: Ear) -> None:
    for _ in range(2):
        await Workshop(tmp_path, ear, "it").run([bench.step("a")])
    assert bench.ran == ["a"]


async def test_failed_step_leaves_nothing_and_earlier_ones_stay(
    tmp_path: Path, bench: Bench, ear: Ear
) -> None:
    steps = [bench.step("a"), bench.step("b", needs=("a",))]
    bench.broken = "b"
    with pytest.raises(KbootstrapError, match="broken"):
        await Workshop(tmp_path, ear, "it").run(steps)
    assert list((tmp_path / "b").iterdir()) == []
    assert [e.status for e in ear.events if e.step == "build the b (2 of 2)"][-1] is Status.FAILED
    bench.broken = ""
    await Workshop(tmp_path, ear, "it").run(steps)
    assert bench.ran == ["a", "b", "b"]


async def test_later_steps_download_while_the_first_one_is_made(tmp_path: Path, ear: Ear) -> None:
    """A download that fails changes nothing; one that still runs at the end of a step is not waited for."""
    order: list[str] = []
    arrived = asyncio.Event()

    def step(name: str, wait: asyncio.Event | None = None) -> BuildStep:
        async def make(_made: Made, folder: Path) -> None:
            if wait:
                await wait.wait()
            order.append(f"make {name}")
            (folder / "file").write_text(name)

        async def fetch() -> None:
            order.append(f"fetch {name}")
            if name == "b":
                raise KbootstrapError("no network")
            arrived.set()
            try:
                await asyncio.Event().wait()
            finally:
                order.append(f"stopped {name}")

        return BuildStep(name, name, 10, (), make, fetch=fetch)

    await Workshop(tmp_path, ear, "it").run([step("a", arrived), step("b"), step("c"), step("d")])
    assert order == ["fetch b", "fetch c", "make a", "make b", "make c", "make d", "stopped c"]
    assert "no network" not in ear.text


async def test_a_damaged_step_is_rebuilt(tmp_path: Path, bench: Bench, ear: Ear) -> None:
    made = await Workshop(tmp_path, ear, "it").run([bench.step("a")])
    (made["a"] / "file").write_text("damaged")
    made = await Workshop(tmp_path, ear, "it").run([bench.step("a")])
    assert (made["a"] / "file").read_text() == "a"


async def test_two_builds_at_once_share_steps(tmp_path: Path, bench: Bench, ear: Ear) -> None:
    await asyncio.gather(*(Workshop(tmp_path, ear, "it").run([bench.step("a")]) for _ in range(2)))
    assert bench.ran == ["a"]


def test_a_changed_input_changes_later_keys(bench: Bench) -> None:
    def keys(*inputs: str) -> dict[str, str]:
        return keys_of([bench.step("a", inputs=inputs), bench.step("b", needs=("a",)), bench.step("c")])

    assert keys("1") == keys("1")
    assert keys("1")["a"] != keys("2")["a"]
    assert keys("1")["b"] != keys("2")["b"]
    assert keys("1")["c"] == keys("2")["c"]


def test_a_late_step_says_so_instead_of_standing_still() -> None:
    assert reckon(30, 60, 1.0) == (30, "")
    assert reckon(90, 60, 2.0) == (45, "")
    assert reckon(200, 60, 1.0) == (60, "this step takes longer than usual, about 3 min so far")
