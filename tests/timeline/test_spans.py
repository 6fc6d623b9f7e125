from __future__ import annotations

import pytest

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.timeline.spans import TimelineSpan, read
from tests.recorded import events

from .run import RECORDED, at, ordered, phase, step, whole


def one(title: str, spans: tuple[TimelineSpan, ...]) -> TimelineSpan:
    [found] = [span for span in spans if span.title == title]
    return found


def test_a_run_without_events() -> None:
    assert read([]).spans == ()


def test_phases_and_steps() -> None:
    timeline = read(
        ordered(phase(0, "nodes"), whole(1, 3, "send k3s", "dev-web-1"), phase(4, "nodes", Status.DONE))
    )
    nodes, send = timeline.spans
    assert (nodes.phase, nodes.step, nodes.begin, nodes.end, nodes.status) == (
        "nodes",
        None,
        0,
        4,
        Status.DONE,
    )
    assert (send.phase, send.step, send.node, send.begin, send.seconds) == (
        "nodes",
        "send k3s",
        "dev-web-1",
        1,
        2,
    )
    assert (timeline.began, timeline.seconds) == (at(0), 4)


def test_steps_without_an_end_stop_with_the_run() -> None:
    timeline = read([phase(0, "nodes"), step(1, "start k3s", node="a")], end=at(9))
    assert [(span.end, span.unfinished) for span in timeline.spans] == [(9, True), (9, True)]


def test_steps_without_an_end_stop_with_their_phase() -> None:
    timeline = read(
        [
            phase(0, "infrastructure"),
            step(1, "create a.b"),
            step(2, "left over", Status.WAITING, detail="volume x"),
            phase(5, "infrastructure", Status.FAILED),
            phase(5, "kubeconfig"),
            phase(8, "kubeconfig", Status.DONE),
        ]
    )
    created, waited = one("create a.b", timeline.spans), one("left over", timeline.spans)
    assert (created.end, created.unfinished) == (5, True)
    assert (waited.end, waited.status, waited.detail) == (5, Status.DONE, "volume x")


def test_a_step_that_is_only_reported_at_its_end() -> None:
    timeline = read(
        [
            phase(0, "connect"),
            step(2, "host key", Status.DONE, node="a", detail="pinned"),
            step(3, "connect", Status.DONE, node="a", took=2.5),
            step(4, "connect", Status.WAITING, node="b"),
            step(6, "connect", Status.DONE, node="b", took=5.5),
        ]
    )
    found = {span.node: (span.begin, span.end) for span in timeline.spans if span.step == "connect"}
    assert found == {"a": (0.5, 3), "b": (0.5, 6)}
    assert not [span for span in timeline.spans if span.step == "host key"]


def test_seconds_of_a_step_with_a_begin_do_not_count() -> None:
    """OpenTofu rounds them."""
    timeline = read(
        [phase(0, "infrastructure"), step(1.2, "create a.b"), step(1.8, "create a.b", Status.DONE, took=1.0)]
    )
    assert one("create a.b", timeline.spans).begin == pytest.approx(1.2)


def test_a_step_without_a_cluster_belongs_to_that_of_its_phase() -> None:
    name = "obtain k3s"
    timeline = read(
        [
            phase(0, "artifacts"),
            phase(0, "plan", cluster="other"),
            step(1, name, cluster=None, phase="artifacts"),
            step(2, name, Status.DONE, cluster=None, phase="artifacts"),
            phase(3, "artifacts", Status.DONE),
        ]
    )
    assert one(name, timeline.spans).cluster == "dev"


def test_other_events_do_not_matter() -> None:
    log = Event(type=Type.LOG, cluster="dev", detail="a line", time=at(3))
    assert len(read([phase(0, "plan"), log]).spans) == 1


def test_the_clock_may_go_back() -> None:
    timeline = read([phase(5, "plan"), phase(2, "plan", Status.DONE)])
    assert timeline.spans[0].seconds == 0


def test_a_real_run() -> None:
    timeline = read(events(RECORDED))
    assert timeline.seconds == pytest.approx(20.267)
    assert [span.phase for span in timeline.spans if span.step is None] == [
        "prepare",
        "plan",
        "infrastructure",
        "connect",
        "artifacts",
        "nodes",
    ]
    assert not [span for span in timeline.spans if span.unfinished]
    assert one("obtain k3s v1.32.0+k3s1 amd64", timeline.spans).cluster == "local"
