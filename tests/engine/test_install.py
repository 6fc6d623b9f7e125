"""What is given to the nodes' half: downloads that have begun, and whether nodes pass files on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kbootstrap.artifacts.cache import Kept
from kbootstrap.core.errors import PrerequisiteMissing
from kbootstrap.core.events import Emit, Event, Status, Type, nowhere
from kbootstrap.distros import find
from kbootstrap.engine import downloads as module
from kbootstrap.engine import install as installing
from kbootstrap.engine.downloads import Downloads
from kbootstrap.inventory.model import Inventory, Machine, SshTarget
from tests.cluster.world import EXTERNAL, INTERNAL
from tests.engine.clusters import context

BASTION = SshTarget("bastion", "203.0.113.7", 22, "kbootstrap")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is obtained: it takes a moment, and fails for one architecture."""
    found: list[str] = []

    async def obtain(_name: str, version: str, arch: str, *, emit: Emit, **_options: object) -> Kept:
        found.append(arch)
        emit(Event(type=Type.STEP, step="obtain", status=Status.STARTED))
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            found.append(f"{arch} stopped")
            raise
        if arch == "riscv":
            raise PrerequisiteMissing(f"no source has {version} for {arch}")
        emit(Event(type=Type.STEP, step="obtain", status=Status.DONE, seconds=0.05))
        return Kept(Path(arch), "made", "", {})

    monkeypatch.setattr(module, "obtain", obtain)
    return found


def downloads(emit: Emit = nowhere) -> Downloads:
    given: Any = context("c", emit=emit)
    given.cluster.kubernetes = SimpleNamespace(distribution="k3s", version="v1.32.0+k3s1")
    given.cluster.artifacts = SimpleNamespace(mirror=None)
    given.lock = SimpleNamespace(artifact=lambda *_: None)
    given.distribution = find("k3s")
    return Downloads(given)


async def test_what_has_begun_is_used_once(asked: list[str]) -> None:
    made = downloads()
    made.begin("amd64")
    made.begin("amd64")
    await asyncio.sleep(0.01)
    assert asked == ["amd64"]
    assert (await made.obtain("amd64")).folder == Path("amd64")
    assert asked == ["amd64"]
    await made.obtain("amd64")
    assert asked == ["amd64"] * 2, "files are verified for every use"


async def test_nothing_is_reported_while_a_question_may_be_open(asked: list[str]) -> None:
    events: list[Event] = []
    made = downloads(events.append)
    made.begin()
    await asyncio.sleep(0.01)
    assert (asked, events) == (["amd64"], [])
    await made.obtain("amd64")
    assert [(one.phase, one.step, one.status) for one in events] == [("artifacts", "obtain", Status.DONE)]


async def test_files_for_machines_that_are_not_there_are_not_obtained_to_the_end(asked: list[str]) -> None:
    made = downloads()
    made.begin("amd64")
    await asyncio.sleep(0.01)
    assert (await made.obtain("arm64")).folder == Path("arm64")
    assert asked == ["amd64", "amd64 stopped", "arm64"]


async def test_a_failure_is_reported_when_the_files_are_needed(asked: list[str]) -> None:
    made = downloads()
    made.begin("riscv")
    await asyncio.sleep(0.1)
    with pytest.raises(PrerequisiteMissing):
        await made.obtain("riscv")
    assert asked == ["riscv"]


async def test_a_run_that_ends_stops_them(asked: list[str]) -> None:
    made = downloads()
    made.begin("amd64")
    await asyncio.sleep(0.01)
    await made.end()
    await made.end()
    assert asked == ["amd64", "amd64 stopped"]


@pytest.mark.parametrize(
    ("jump", "own", "relays"),
    [(BASTION, True, True), (None, True, False), (BASTION, False, False)],
    ids=["behind a bastion", "without a bastion", "in a network with other machines"],
)
def test_nodes_pass_files_on_in_a_network_of_their_own(
    jump: SshTarget | None, own: bool, relays: bool
) -> None:
    machine = Machine("c-1", "10.0.0.11", SshTarget("c-1", "10.0.0.11", 22, "root", jump=jump), "i-1")
    inventory = Inventory("c", {"c-1": machine}, INTERNAL, EXTERNAL, (), own_network=own)
    nodes: Any = SimpleNamespace(inventory=inventory)
    assert installing._relays(nodes) is relays
