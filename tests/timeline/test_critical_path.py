from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.core.events import Event, Status
from kbootstrap.timeline.critical_path import critical_path, parts
from kbootstrap.timeline.spans import Span, read
from tests.recorded import events

from .run import RECORDED, at, cluster, ordered, phase, step, whole


def path(run: list[Event]) -> list[tuple[str | None, float, float]]:
    links = critical_path(read(run, end=run[-1].time).spans)
    assert all(one.end == pytest.approx(other.begin) for one, other in pairwise(links))
    return [(link.span.title if link.span else None, link.begin, link.end) for link in links]


def test_nothing_happened() -> None:
    assert critical_path([]) == ()
    assert parts([]) == ()


def test_the_chain_goes_through_the_steps_that_ended_last() -> None:
    assert path(cluster()) == [
        ("plan", 0, 10),
        ("send k3s", 10, 20),
        ("wait for the API server and etcd", 20, 60),
        ("nodes", 60, 61),
        ("wait until the node is Ready", 61, 100),
    ]


def test_time_between_phases_belongs_to_no_span() -> None:
    run = [phase(0, "plan"), phase(2, "plan", Status.DONE), phase(7, "nodes"), phase(9, "nodes", Status.DONE)]
    assert path(run) == [("plan", 0, 2), (None, 2, 7), ("nodes", 7, 9)]


def test_the_innermost_phase_counts() -> None:
    run = [
        phase(0, "nodes"),
        phase(3, "replace"),
        phase(8, "replace", Status.DONE),
        phase(9, "nodes", Status.DONE),
    ]
    assert path(run) == [("nodes", 0, 3), ("replace", 3, 8), ("nodes", 8, 9)]


def test_of_steps_that_ended_together_the_one_of_the_same_node_is_taken() -> None:
    run = ordered(
        phase(0, "nodes"),
        whole(0, 5, "send k3s", "a"),
        whole(0, 5.01, "send k3s", "b"),
        whole(5.02, 9, "start k3s", "a"),
        phase(9, "nodes", Status.DONE),
    )
    links = critical_path(read(run).spans)
    assert [link.span.node for link in links if link.span and link.span.step] == ["a", "a"]


def test_clusters_at_the_same_time_do_not_mix() -> None:
    run = ordered(cluster("one", 0), cluster("two", 3))
    links = critical_path(read(run).spans)
    assert {link.span.cluster for link in links if link.span and link.begin > 3} == {"two"}


def test_clusters_one_after_the_other() -> None:
    run = ordered(cluster("one", 0), cluster("two", 100))
    links = critical_path(read(run).spans)
    assert sum(link.seconds for link in links) == pytest.approx(200)
    assert [link.span.cluster for link in links if link.span and link.span.step] == ["one"] * 3 + ["two"] * 3


def test_unfinished_steps_are_part_of_it() -> None:
    run = [phase(0, "nodes"), step(1, "start k3s", node="a")]
    links = critical_path(read(run, end=at(60)).spans)
    assert [link.span.title for link in links if link.span] == ["nodes", "start k3s"]


def test_small_phases_are_one_part_and_small_parts_are_left_out() -> None:
    run = ordered(
        phase(0, "plan"),
        phase(1, "plan", Status.DONE),
        phase(1, "connect"),
        whole(1, 4, "connect", "dev-web-1"),
        whole(4, 7, "connect", "dev-web-2"),
        phase(7, "connect", Status.DONE),
        phase(7, "nodes"),
        whole(7, 8, "write a", "dev-web-1"),
        whole(8, 100, "wait until the node is Ready", "dev-web-1"),
        phase(100, "nodes", Status.DONE),
    )
    found = parts(critical_path(read(run).spans))
    assert [(part.phase, part.node, part.step, round(part.seconds)) for part in found] == [
        ("connect", None, None, 6),
        ("nodes", "dev-web-1", "wait until the node is Ready", 92),
    ]


def test_a_real_run() -> None:
    links = critical_path(read(events(RECORDED)).spans)
    assert sum(link.seconds for link in links) == pytest.approx(20.192, abs=0.01)
    assert [(part.node, part.step or part.phase, round(part.seconds, 1)) for part in parts(links)] == [
        (None, "infrastructure", 1.2),
        (None, "connect", 0.5),
        ("local-control-plane-1", "send k3s v1.32.0+k3s1", 1.0),
        ("local-control-plane-1", "wait for the API server and etcd", 9.4),
        ("local-default-1", "wait until the node is Ready", 6.2),
    ]


NAMES = st.sampled_from(["a", "b"])
TIMES = st.integers(0, 200).map(lambda tenths: tenths / 10)


@st.composite
def any_span(draw: st.DrawFn) -> Span:
    begin, end = sorted((draw(TIMES), draw(TIMES)))
    step = draw(st.sampled_from([None, "send", "start"]))
    node = draw(NAMES) if step else None
    return Span(draw(NAMES), draw(NAMES), step, node, begin, end, draw(st.sampled_from(Status)))


@given(st.lists(any_span(), max_size=12))
def test_the_path_has_no_gap_whatever_the_spans_are(spans: list[Span]) -> None:
    links = critical_path(spans)
    known = [span for span in spans if span.seconds]
    assert bool(links) is bool(known)
    assert all(one.end == other.begin for one, other in pairwise(links))
    if known:
        assert links[0].begin == min(span.begin for span in known)
        assert links[-1].end == max(span.end for span in known)
    for link in links:
        assert link.seconds > 0
        assert not link.span or (link.span.begin <= link.begin and link.end <= link.span.end + 0.001)


def test_phases_that_overlap() -> None:
    """Nodes are installed while OpenTofu still creates a load balancer: the agent waits for it."""
    server, agent = "dev-control-plane-1", "dev-web-1"
    run = ordered(
        phase(0, "infrastructure"),
        _in(0, 30, "create machine", "infrastructure"),
        phase(30, "nodes"),
        _in(30, 80, "create load balancer", "infrastructure"),
        _in(30, 40, "send k3s", "nodes", server),
        _in(40, 60, "wait for the API server and etcd", "nodes", server),
        _in(60, 81, "wait until nodes can join", "nodes"),
        phase(80, "infrastructure", Status.DONE),
        _in(81, 90, "wait until the node is Ready", "nodes", agent),
        phase(90, "nodes", Status.DONE),
    )
    assert path(run) == [
        ("create machine", 0, 30),
        ("send k3s", 30, 40),
        ("wait for the API server and etcd", 40, 60),
        ("wait until nodes can join", 60, 81),
        ("wait until the node is Ready", 81, 90),
    ]
    spans = {span.title: span.phase for span in read(run, end=run[-1].time).spans}
    assert spans["create load balancer"] == "infrastructure"
    assert spans["send k3s"] == "nodes"


def test_the_infrastructure_ends_last() -> None:
    run = ordered(
        phase(0, "infrastructure"),
        _in(0, 30, "create machine", "infrastructure"),
        phase(30, "nodes"),
        _in(30, 50, "send k3s", "nodes", "dev-web-1"),
        phase(50, "nodes", Status.DONE),
        _in(30, 80, "create load balancer", "infrastructure"),
        phase(80, "infrastructure", Status.DONE),
    )
    assert path(run) == [("create machine", 0, 30), ("create load balancer", 30, 80)]


def _in(begin: float, end: float, name: str, where: str, node: str | None = None) -> list[Event]:
    return [step(begin, name, phase=where, node=node), step(end, name, Status.DONE, phase=where, node=node)]
