from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from kbootstrap.core.events import Event, Status, Type, of_cluster, phase, to_json


def test_an_event_is_one_line_without_empty_fields() -> None:
    event = Event(
        type=Type.STEP,
        node="n",
        step="start",
        status=Status.DONE,
        seconds=1.23456,
        detail="two\nlines",
        time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    text = to_json(event)
    assert "\n" not in text
    assert json.loads(text) == {
        "version": 1,
        "type": "step",
        "node": "n",
        "step": "start",
        "status": "done",
        "seconds": 1.235,
        "detail": "two\nlines",
        "time": "2026-01-02T03:04:05.000Z",
    }


def test_a_phase_says_how_it_ended() -> None:
    seen: list[Event] = []
    with phase(seen.append, "nodes", "c"):
        pass
    with pytest.raises(ValueError, match="x"), phase(seen.append, "nodes", "c"):
        raise ValueError("x")
    assert [event.status for event in seen] == [Status.STARTED, Status.DONE, Status.STARTED, Status.FAILED]
    assert seen[1].seconds is not None


def test_events_without_a_cluster_get_that_of_the_context() -> None:
    seen: list[Event] = []
    emit = of_cluster(seen.append, "c")
    emit(Event(type=Type.STEP, step="download k3s"))
    emit(Event(type=Type.STEP, step="start", cluster="other"))
    assert [event.cluster for event in seen] == ["c", "other"]


async def test_steps_of_phases_that_overlap_know_theirs() -> None:
    """A task has the phase in which it was started; events name it unless they name another one."""
    seen: list[Event] = []
    emit = of_cluster(seen.append, "c")

    async def work(name: str, seconds: float) -> None:
        with phase(emit, name):
            emit(Event(type=Type.STEP, step=f"begin {name}"))
            await asyncio.sleep(seconds)
            await asyncio.to_thread(emit, Event(type=Type.PROGRESS, step=f"in a thread of {name}"))
            with phase(emit, f"inside {name}"):
                emit(Event(type=Type.STEP, step="inner"))
            emit(Event(type=Type.STEP, step=f"end {name}"))

    await asyncio.gather(work("infrastructure", 0.02), work("nodes", 0.01))
    emit(Event(type=Type.STEP, step="after"))
    emit(Event(type=Type.STEP, step="named", phase="connect"))
    emit(Event(type=Type.LOG, detail="a line"))
    assert {(one.step, one.phase) for one in seen if one.type is not Type.PHASE} == {
        ("begin infrastructure", "infrastructure"),
        ("in a thread of infrastructure", "infrastructure"),
        ("end infrastructure", "infrastructure"),
        ("begin nodes", "nodes"),
        ("in a thread of nodes", "nodes"),
        ("end nodes", "nodes"),
        ("inner", "inside infrastructure"),
        ("inner", "inside nodes"),
        ("after", None),
        ("named", "connect"),
        (None, None),
    }
