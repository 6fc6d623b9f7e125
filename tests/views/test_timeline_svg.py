from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from kbootstrap.core.events import Event, Status
from kbootstrap.timeline.spans import read
from kbootstrap.views.timeline_layout import mark_text, marks, middle_cut
from kbootstrap.views.timeline_svg import timeline_svg
from tests.recorded import events
from tests.timeline.run import RECORDED, at, cluster, ordered, phase, step, whole

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>&\"'\x00\x1b[31m\ufffe\ud800]]>"


def drawn(run: list[Event], end: float | None = None) -> ET.Element:
    return ET.fromstring(timeline_svg(read(run, end=None if end is None else at(end))))  # noqa: S314 - our own


def texts(picture: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]


def tips(picture: ET.Element) -> list[str]:
    return [title.text or "" for title in picture.iter(f"{SVG}title")]


def test_a_real_run() -> None:
    picture = drawn(list(events(RECORDED)))
    assert {"local", "local-control-plane-1", "local-default-1", "critical path"} <= set(texts(picture))
    assert {"0s", "5s", "10s", "15s", "20s"} <= set(texts(picture))
    assert any(
        tip.startswith("local-default-1: wait until the node is Ready\n6.2s (") for tip in tips(picture)
    )
    assert picture.findall(f".//{SVG}path[@class='critical']")


@pytest.mark.parametrize("nodes", [0, 1, 12, 13, 41, 100])
def test_any_number_of_nodes(nodes: int) -> None:
    steps = [whole(0, 5 + n, "start k3s.service", f"dev-web-{n}") for n in range(1, nodes + 1)]
    picture = drawn(ordered(phase(0, "nodes"), *steps, phase(200, "nodes", Status.DONE)))
    tops = [
        float(text.get("y", "0"))
        for text in picture.iter(f"{SVG}text")
        if (text.text or "").startswith("dev-web-")
    ]
    assert len(tops) == nodes
    assert all(below - above >= 16 for above, below in pairwise(tops))
    assert not tops or tops[-1] < float(picture.get("height", "0"))


def test_nothing_happened() -> None:
    assert drawn([]).tag == f"{SVG}svg"


def test_texts_are_escaped() -> None:
    run = [
        phase(0, HOSTILE, cluster=HOSTILE),
        step(0, HOSTILE, node=HOSTILE, cluster=HOSTILE),
        step(9, HOSTILE, Status.FAILED, node=HOSTILE, cluster=HOSTILE, detail=HOSTILE),
    ]
    text = timeline_svg(read(run))
    assert text.encode()
    picture = ET.fromstring(text)  # noqa: S314 - our own
    assert not list(picture.iter(f"{SVG}script"))
    assert any("<script>&\"']]>" in tip for tip in tips(picture))


def test_what_has_not_ended_is_marked() -> None:
    picture = drawn([phase(0, "nodes"), step(1, "start", node="dev-web-1")], end=30)
    assert "not finished" in texts(picture)
    assert [tip for tip in tips(picture) if tip.endswith("29s (1.0s to 30.0s), not finished")]
    assert [box for box in picture.iter(f"{SVG}rect") if box.get("fill") == "url(#unfinished)"]
    assert "not finished" not in texts(drawn(cluster()))


def test_failures_are_marked() -> None:
    run = [
        phase(0, "nodes"),
        step(1, "start", node="a"),
        step(4, "start", Status.FAILED, node="a", detail="exit 1"),
    ]
    picture = drawn(run)
    assert "failed" in texts(picture)
    assert "a: start\n3.0s (1.0s to 4.0s), failed\nexit 1" in tips(picture)


def test_long_names_are_cut() -> None:
    name = f"production-{'long-' * 9}1"
    picture = drawn([phase(0, "nodes"), *whole(0, 5, "start", name)])
    [cut] = [text for text in texts(picture) if text.startswith(name) or text.endswith("long-1")]
    assert name in tips(picture)
    assert middle_cut(name, 30) in cut
    assert len(middle_cut(name, 30)) == 30
    assert middle_cut("dev", 30) == "dev"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, ["0.0s"]),
        (0.8, ["0.0s", "0.1s", "0.2s", "0.3s", "0.4s", "0.5s", "0.6s", "0.7s", "0.8s"]),
        (20.3, ["0s", "5s", "10s", "15s", "20s"]),
        (95, ["0s", "10s", "20s", "30s", "40s", "50s", "1m", "1m 10s", "1m 20s", "1m 30s"]),
        (9000, ["0s", "15m", "30m", "45m", "1h", "1h 15m", "1h 30m", "1h 45m", "2h", "2h 15m", "2h 30m"]),
    ],
)
def test_marks_of_the_axis(seconds: float, expected: list[str]) -> None:
    found = marks(seconds)
    tenths = len(found) < 2 or found[1] < 1
    assert [mark_text(mark, tenths=tenths) for mark in found] == expected
