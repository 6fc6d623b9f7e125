from __future__ import annotations

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
