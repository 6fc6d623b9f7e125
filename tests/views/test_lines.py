from __future__ import annotations

from collections.abc import Callable

from kbootstrap.core.events import Event, Status, Type
from kbootstrap.views.lines import Lines

from .conftest import Show, shown
from .play import Clock, run


def test_golden(in_all_widths: Callable[[str, Show], None]) -> None:
    def show(stream: object, env: object) -> None:
        clock = Clock()
        view = Lines(stream, env, now=clock)  # type: ignore[arg-type]
        for seconds, event in run(2, fails=True):
            clock.seconds = seconds
            with view.paused():
                view.on_event(event)
        view.close()

    in_all_widths("lines", show)


def test_every_line_names_its_cluster() -> None:
    """Names of hosts (provider `ssh`) are free; all others begin with the cluster's name."""

    def show(stream: object, env: object) -> None:
        view = Lines(stream, env, now=Clock())  # type: ignore[arg-type]
        for cluster, node in (("a", "host"), ("b", "host-2"), ("b", "b-web-1"), ("b", None), ("a", "host")):
            event = Event(
                type=Type.STEP, cluster=cluster, node=node, step="send it", status=Status.DONE, seconds=1.0
            )
            view.on_event(event)
        view.on_event(Event(type=Type.DIAGNOSTIC, cluster="a", node="host", detail="said"))

    said = [line.partition("] ")[2] for line in shown(show).splitlines()]
    assert said == [
        "host: send it: done in 1.0s",  # until there is another cluster
        "b/host-2: send it: done in 1.0s",
        "b-web-1: send it: done in 1.0s",
        "b: send it: done in 1.0s",
        "a/host: send it: done in 1.0s",
        "a/host: said",
    ]


def test_a_wait_is_repeated_when_it_changes_and_twice_a_minute() -> None:
    def show(stream: object, env: object) -> None:
        clock = Clock()
        view = Lines(stream, env, now=clock)  # type: ignore[arg-type]
        for second in range(62):
            clock.seconds = float(second)
            detail = "two pods still there" if second < 10 else "one pod still there"
            wait = Event(type=Type.STEP, node="a-1", step="drain", status=Status.WAITING, detail=detail)
            view.on_event(wait)

    assert shown(show).splitlines() == [
        "[ 0:00] a-1: drain: two pods still there",
        "[ 0:10] a-1: drain: one pod still there",
        "[ 0:40] a-1: drain: one pod still there",
    ]
