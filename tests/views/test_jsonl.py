from __future__ import annotations

import io
import json

from kbootstrap.views.jsonl import JsonLines

from .play import run


def test_one_object_per_line() -> None:
    stream = io.StringIO()
    view = JsonLines(stream)
    for _, event in run(1):
        with view.paused():
            view.on_event(event)
    view.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert all(line["version"] == 1 for line in lines)
    assert lines[-1]["type"] == "result"


def test_a_reader_that_went_away() -> None:
    stream = io.StringIO()
    view = JsonLines(stream)
    stream.close()
    for _, event in run(1):
        view.on_event(event)
