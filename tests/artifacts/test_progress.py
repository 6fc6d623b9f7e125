"""Progress in numbers, time left in words, not too often."""

from __future__ import annotations

import asyncio

from kbootstrap.artifacts.progress import Narrator, about
from kbootstrap.core.events import Status, Type

from .conftest import Ear


def test_time_left_comes_from_the_speed_so_far(ear: Ear) -> None:
    now = [100.0]
    narrator = Narrator(ear, "it", clock=lambda: now[0])
    narrator.started()
    for done in (10, 20, 30):
        now[0] += 10
        narrator.progress(done, 100, "bytes")
    assert [e.detail for e in ear.events[1:]] == ["about 90 s left", "about 80 s left", "about 70 s left"]
    narrator.done()
    assert (ear.events[-1].status, ear.events[-1].seconds) == (Status.DONE, 30.0)


def test_progress_is_rare_but_its_end_is_always_reported(ear: Ear) -> None:
    narrator = Narrator(ear, "it", clock=lambda: 100.0)
    for done in range(1, 101):
        narrator.progress(done, 100, "bytes")
    amounts = [event.done for event in ear.events if event.type is Type.PROGRESS]
    assert amounts == [1, 100]


def test_a_note_replaces_the_remaining_time(ear: Ear) -> None:
    Narrator(ear, "it", clock=lambda: 100.0).progress(60, 100, "seconds", left=40, note="late")
    assert ear.events[-1].detail == "late"


def test_durations_in_words() -> None:
    assert about(12.4) == "about 12 s"
    assert about(640) == "about 11 min"


def test_a_stopped_work_says_so(ear: Ear) -> None:
    narrator = Narrator(ear, "it")
    narrator.failed(asyncio.CancelledError())
    narrator.failed(OSError("disk on fire"))
    assert [event.detail for event in ear.events] == ["stopped", "disk on fire"]
