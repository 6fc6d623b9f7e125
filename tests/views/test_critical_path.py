from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TextIO

import pytest

from kbootstrap.core.events import Event, Part, Status, Type
from kbootstrap.timeline.critical_path import critical_path, parts
from kbootstrap.timeline.spans import read
from kbootstrap.views.critical_path import critical_path_line
from kbootstrap.views.jsonl import JsonLines
from kbootstrap.views.lines import Lines
from kbootstrap.views.live import Live
from kbootstrap.views.view import View
from tests.recorded import events
from tests.timeline.run import RECORDED

from .conftest import shown

READY = "wait until the node is Ready"


def node(seconds: float, name: str, step: str, cluster: str = "dev") -> Part:
    return Part(seconds=seconds, cluster=cluster, node=name, phase="nodes", step=step)


def test_everything_fits() -> None:
    found = [
        Part(seconds=2, cluster="dev", phase="plan"),
        node(18, "dev-web-1", "drain the node"),
        Part(seconds=70),
    ]
    line = critical_path_line(90, found)
    assert line == "Critical path (1m 30s): plan 2.0s, dev-web-1: drain the node 18s, between phases 1m 10s"


def test_a_real_run() -> None:
    links = critical_path(read(events(RECORDED)).spans)
    line = critical_path_line(20.192, parts(links))
    assert line == (
        "Critical path (20s): wait for the API server and etcd 9.4s, wait until the node is Ready 6.2s, …"
    )


def test_names_of_nodes_lose_their_cluster_first() -> None:
    nodes = [(50, "production-control-plane-1"), (40, "production-web-1")]
    found = [node(seconds, name, READY, "production") for seconds, name in nodes]
    line = critical_path_line(95, found, width=115)
    assert line == f"Critical path (1m 35s): control-plane-1: {READY} 50s, web-1: {READY} 40s"


def test_equal_steps_become_one() -> None:
    found = [node(30, f"dev-control-plane-{number}", READY) for number in (1, 2, 3)]
    assert critical_path_line(90, found) == f"Critical path (1m 30s): {READY} on 3 nodes 1m 30s"


def test_several_clusters_are_named() -> None:
    found = [Part(seconds=3, cluster="a", phase="plan"), node(9, "b-web-1", "drain the node", "b")]
    assert critical_path_line(12, found) == "Critical path (12s): a: plan 3.0s, b-web-1: drain the node 9.0s"
    assert critical_path_line(12, found, width=50) == "Critical path (12s): b: drain the node 9.0s, …"


def test_a_node_whose_name_does_not_say_its_cluster() -> None:
    found = [node(3, "metal-1", "drain the node", "a"), node(9, "b-web-1", "drain the node", "b")]
    line = critical_path_line(12, found)
    assert line == "Critical path (12s): a/metal-1: drain the node 3.0s, b-web-1: drain the node 9.0s"


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_line_is_never_too_long(width: int) -> None:
    found = [node(30, f"{'long-' * 9}{number}", f"write {'/etc' * number}") for number in range(1, 40)]
    line = critical_path_line(1200, found, width=width)
    assert len(line) <= width
    assert "write" in line


def test_ascii_and_control_characters() -> None:
    line = critical_path_line(10, [node(9, "n\x1b[31m", "x" * 200)], ellipsis="~")
    assert line.isascii()
    assert line.isprintable()


EVENT = Event(type=Type.CRITICAL_PATH, seconds=12.0, parts=(node(11, "dev-web-1", READY),))
SAID = f"Critical path (12s): dev-web-1: {READY} 11s"


@pytest.mark.parametrize("make", [Lines, Live])
def test_views_show_it(make: Callable[[TextIO, Mapping[str, str]], View]) -> None:
    def show(stream: TextIO, env: Mapping[str, str]) -> None:
        view = make(stream, env)
        view.on_event(EVENT)
        view.on_event(Event(type=Type.RESULT, status=Status.DONE))
        view.close()

    assert shown(show) == f"{SAID}\n"


def test_json_has_it_as_data() -> None:
    stream = io.StringIO()
    JsonLines(stream).on_event(EVENT)
    assert '"parts": [{"seconds": 11, "cluster": "dev", "node": "dev-web-1"' in stream.getvalue()
    assert "Critical path" not in stream.getvalue()
