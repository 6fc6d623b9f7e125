from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from kbootstrap.core.events import Event, Status
from kbootstrap.timeline.spans import read
from kbootstrap.views.trace import trace
from tests.recorded import events
from tests.timeline.run import RECORDED, at, cluster, ordered, phase, step


def made(run: list[Event], end: float | None = None) -> list[dict[str, Any]]:
    document = json.loads(trace(read(run, end=None if end is None else at(end))))
    found: list[dict[str, Any]] = document["traceEvents"]
    return found


def names(found: list[dict[str, Any]], what: str) -> dict[int, str]:
    key = "pid" if what == "process_name" else "tid"
    return {event[key]: event["args"]["name"] for event in found if event["name"] == what}


def test_clusters_are_processes_and_nodes_are_threads() -> None:
    found = made(ordered(cluster("one", 0), cluster("two", 3)))
    assert list(names(found, "process_name").values()) == ["one", "two"]
    threads = names(found, "thread_name")
    assert list(threads.values())[:3] == ["phases", "one-control-plane-1", "one-web-1"]
    for event in found:
        assert {"name", "ph", "pid", "tid", "args"} <= set(event)
        assert event["ph"] in {"M", "X"}


def test_complete_events() -> None:
    found = made(cluster())
    [wait] = [event for event in found if event["name"] == "wait for the API server and etcd"]
    assert (wait["ph"], wait["ts"], wait["dur"]) == ("X", 20_000_000, 40_000_000)
    assert wait["cat"] == "wait,critical_path"
    assert wait["args"]["status"] == "done"
    assert names(found, "thread_name")[wait["tid"]] == "dev-control-plane-1"
    [send] = [event for event in found if event.get("dur") == 8_000_000]
    assert send["cat"] == "artifacts and files"


def test_spans_that_have_not_ended() -> None:
    found = made([phase(0, "nodes"), step(1, "start", node="a")], end=9)
    complete = [event for event in found if event["ph"] == "X"]
    assert [event["args"]["status"] for event in complete] == ["unfinished", "unfinished"]
    assert [event["ts"] + event["dur"] for event in complete] == [9_000_000, 9_000_000]


def test_failures_have_their_message() -> None:
    found = made(
        [phase(0, "nodes"), step(0, "x", node="a"), step(2, "x", Status.FAILED, node="a", detail="no\x1b[1m")]
    )
    [failed] = [event for event in found if event["name"] == "x"]
    assert failed["args"] == {"step": "x", "phase": "nodes", "status": "failed", "detail": "no"}


@pytest.mark.parametrize("run", [list(events(RECORDED)), cluster()])
def test_events_of_a_thread_do_not_overlap(run: list[Event]) -> None:
    found = made(run)
    for thread in names(found, "thread_name"):
        lane = [event for event in found if event["ph"] == "X" and event["tid"] == thread]
        assert all(one["ts"] + one["dur"] <= other["ts"] for one, other in pairwise(lane))


def test_a_run_without_events() -> None:
    assert made([]) == []
