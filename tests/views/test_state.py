from __future__ import annotations

import pytest

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.views.state import RunState


def step(node: str | None, name: str, status: Status, **more: str) -> Event:
    return Event(type=Type.STEP, cluster=more.get("cluster", "a"), node=node, step=name, status=status)


def phase(name: str, status: Status, cluster: str | None = "a") -> Event:
    return Event(type=Type.PHASE, cluster=cluster, phase=name, status=status)


def test_a_phase_ends_with_its_time() -> None:
    state = RunState()
    assert state.take(phase("plan", Status.STARTED), 1.0) is None
    ended = state.take(phase("plan", Status.DONE), 3.5)
    assert ended is not None
    assert (ended.name, ended.status, ended.took) == ("plan", Status.DONE, 2.5)
    assert state.phases == {}


def test_a_row_shows_failures_then_work_then_waiting_then_the_last_thing() -> None:
    state = RunState()
    state.take(phase("nodes", Status.STARTED), 0)
    state.take(step("n", "one", Status.STARTED), 0)
    state.take(step("n", "two", Status.WAITING), 1)
    row = state.phases["a", "nodes"].rows["n"]
    assert row.task.name == "one"
    state.take(step("n", "one", Status.DONE), 2)
    assert row.task.name == "two"
    state.take(step("n", "two", Status.STARTED), 3)
    state.take(step("n", "two", Status.DONE), 4)
    assert (row.task.name, row.task.open) == ("two", False)
    state.take(step("n", "one", Status.STARTED), 5)
    assert (row.task.name, row.task.began) == ("one", 5)
    state.take(step("n", "one", Status.FAILED), 6)
    state.take(step("n", "three", Status.STARTED), 7)
    assert row.task.name == "one"


def test_time_left() -> None:
    state = RunState()
    state.take(step("n", "send", Status.STARTED), 0)
    event = Event(type=Type.PROGRESS, cluster="a", node="n", step="send", done=25, total=100, unit="bytes")
    state.take(event, 1)
    task = state.phases["a", ""].rows["n"].task
    assert task.fraction == 0.25
    assert task.left(1) is None
    assert task.left(10) == pytest.approx(30)


def test_steps_find_their_phase() -> None:
    state = RunState()
    state.take(phase("artifacts", Status.STARTED), 0)
    state.take(phase("nodes", Status.STARTED), 0)
    state.take(phase("nodes", Status.STARTED, "b"), 0)
    state.take(step("n", "x", Status.STARTED), 1)
    state.take(step("m", "x", Status.STARTED, cluster="b"), 1)
    state.take(Event(type=Type.STEP, phase="artifacts", step="k3s", status=Status.STARTED), 1)
    found = {key: list(value.rows) for key, value in state.phases.items()}
    assert found == {("a", "artifacts"): ["k3s"], ("a", "nodes"): ["n"], ("b", "nodes"): ["m"]}


def test_other_events_are_for_the_log() -> None:
    state = RunState()
    state.take(Event(type=Type.LOG, detail="x"), 0)
    state.take(Event(type=Type.RESULT, status=Status.DONE), 0)
    assert state.phases == {}
